"""Links inside the built site lead to files and anchors that exist. Links to other sites need a network and are not asked."""

import html.parser
import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

from .pages import built_pages


class Page(html.parser.HTMLParser):
    """The anchors of a page, and what it links to or loads."""

    def __init__(self, text):
        super().__init__()
        self.anchors, self.targets = set(), set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name == "id" or (name == "name" and tag == "a"):
                self.anchors.add(value)
            elif name in ("href", "src") and value:
                self.targets.add(value)


def broken(root, paths):
    """[(page, link)] of links that lead nowhere, in pages of a folder."""
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in paths}
    return [
        (str(path.relative_to(root)), target)
        for path, page in pages.items()
        for target in sorted(page.targets)
        if not leads_somewhere(path, target, pages)
    ]


def leads_somewhere(path, target, pages):
    url = urlsplit(target)
    if url.scheme or url.netloc:
        return True
    file = Path(os.path.normpath(path.parent / unquote(url.path))) if url.path else path
    anchor = unquote(url.fragment)
    if file in pages and anchor and not anchor.startswith("/"):
        return anchor in pages[file].anchors or anchor == "top"
    return file.exists()


def test_broken_links_are_found(tmp_path):
    (tmp_path / "a.html").write_text('<a href="b.html#x"></a><a href="b.html#y"></a><a href="c.html"></a><img src="d">')
    (tmp_path / "b.html").write_text('<p id="x"></p><a href="https://elsewhere.org/x"></a>')
    assert broken(tmp_path, sorted(tmp_path.glob("*.html"))) == [("a.html", "b.html#y"), ("a.html", "c.html"), ("a.html", "d")]


def test_links_of_the_built_pages(built):
    assert broken(built, built_pages()) == []
