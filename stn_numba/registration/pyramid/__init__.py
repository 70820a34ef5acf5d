"""Images as planes, their filters, and the levels of a pyramid."""
