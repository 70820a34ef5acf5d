"""Where the pages of the site come from, and where they are built."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
BUILT = ROOT / "build" / "docs"
GENERATED = ("auto_gallery", "generated")


def built_pages():
    """The pages of the built site, without templates among the theme's files."""
    return [path for path in sorted(BUILT.rglob("*.html")) if "_static" not in path.parts]


def sources(suffix, folder=DOCS):
    """Pages that are written by hand, without those that the build makes."""
    return sorted(path for path in folder.rglob(f"*{suffix}") if not set(GENERATED) & set(path.parts))
