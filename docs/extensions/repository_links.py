"""Let pages link as on the repository's host: ``../CONTRIBUTING.md`` becomes the site's page of it, other files downloads.

Pages that repeat a file from outside docs/ consist of an ``include`` of it. Links in such a file are relative to its own
folder, so they are made relative to the page that includes it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = {  # file in the repository, and the page of the site that shows it
    "README.md": "docs/index.md",
    "CONTRIBUTING.md": "docs/project/contributing.md",
    "CHANGELOG.md": "docs/project/changelog.md",
    "plugins/README.md": "docs/plugins.md",
    "plugins/stn-numba-logpolar": "docs/log-polar.md",
    "plugins/stn-numba-logpolar/README.md": "docs/log-polar.md",
}
LINK = re.compile(r"(!?\[[^\]]*\]\()([^)\s]+)(\))")
FENCE = re.compile(r"(^ *```.*?^ *```)", re.MULTILINE | re.DOTALL)


def site_links(text: str, source: Path, page: Path) -> str:
    """Return the text of `source` with links for `page`, both relative to the repository."""

    def replace(match: re.Match[str]) -> str:
        start, target, end = match.groups()
        return start + site_target(target, source, page) + end

    parts = FENCE.split(text)
    parts[::2] = [LINK.sub(replace, part) for part in parts[::2]]
    return "".join(parts)


def site_target(target: str, source: Path, page: Path) -> str:
    """Return what a link of `source` has to be on `page`."""
    path, hash_sign, anchor = target.partition("#")
    if not path or ":" in path:
        return target
    file = os.path.normpath(source.parent / path)
    if not (ROOT / file).exists():
        return target  # reported by the build, which finds no such file
    return os.path.relpath(PAGES.get(file, file), page.parent) + hash_sign + anchor


def on_page(app: Sphinx, docname: str, content: list[str]) -> None:
    """Change the links of a page."""
    page = Path("docs", docname).with_suffix(".md")
    if (ROOT / page).is_file():
        content[0] = site_links(content[0], page, page)


def on_include(app: Sphinx, path: Path, docname: str, content: list[str]) -> None:
    """Change the links of a file that a page includes."""
    file = Path(os.path.normpath(DOCS / path))
    page = Path("docs", app.env.docname).with_suffix(".md")  # `docname` lacks its folder
    content[0] = site_links(content[0], file.relative_to(ROOT), page)


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect to the events of Sphinx."""
    app.connect("source-read", on_page)
    app.connect("include-read", on_include)
    return {"parallel_read_safe": True}
