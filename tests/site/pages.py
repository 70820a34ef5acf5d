"""Where the pages of the site come from, and where they are built."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
BUILT = ROOT / "build" / "docs"
GENERATED = ("auto_gallery", "generated")


def sources(suffix, folder=DOCS):
    """Pages that are written by hand, without those that the build makes."""
    return sorted(path for path in folder.rglob(f"*{suffix}") if not set(GENERATED) & set(path.parts))
