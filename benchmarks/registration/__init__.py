"""Registration: problems, cases and page."""
