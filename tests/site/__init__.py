"""The documentation site: its sources here, and the built pages in a browser if `make docs` has run."""
