"""The live page of the documentation, in a browser."""
