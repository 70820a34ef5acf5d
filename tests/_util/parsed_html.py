"""Read the HTML that objects show in notebooks."""

from xml.etree import ElementTree


def parsed(text):
    """The elements of well-formed HTML; tags of SVG have their namespace."""
    return ElementTree.fromstring(f"<div>{text}</div>")


def rows(text):
    """The cells of all tables, row by row."""
    return [["".join(cell.itertext()) for cell in row] for row in parsed(text).iter("tr")]


def all_text(text):
    """What a reader sees."""
    return "".join(parsed(text).itertext())
