"""What a release needs: metadata that agree, the page of compatibility, and other systems than Linux."""
