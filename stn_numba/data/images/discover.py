"""Find the image files of a folder with one subfolder a class."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["EXTENSIONS", "ClassFolders", "find_images", "listed"]

EXTENSIONS = (
    ".bmp", ".gif", ".jfif", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp",
)  # fmt: skip
_OF_THE_SYSTEM = ("thumbs.db", "desktop.ini")
_LISTED = 5


@dataclass
class ClassFolders:
    """The files that were found: `paths` and `labels` by class, and `others`, which are no images by their names."""

    classes: tuple[str, ...]
    paths: list[Path] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)

    def label_array(self) -> NDArray[np.int64]:
        """Return the labels as an array."""
        return np.array(self.labels, np.int64)


def find_images(root: Path, classes: Sequence[str] | None = None) -> ClassFolders:
    """Return the images below a folder: subfolders by name, files by name.

    Parameters
    ----------
    root : Path
        The folder. Names that start with a dot are ignored.
    classes : sequence of str, default None
        The classes in the order of their labels, some of which may have no images here; None for all subfolders.

    Raises
    ------
    OSError
        If the folder does not exist.
    ValueError
        If there are no subfolders, one of them has no images, or is not among `classes`.

    Warns
    -----
    RuntimeWarning
        Once, of files that are no images by their names, and of images outside of the subfolders.
    """
    if not root.is_dir():
        raise (NotADirectoryError if root.exists() else FileNotFoundError)(
            f"{root}: expected a folder with a subfolder a class"
        )
    entries = sorted((path for path in root.iterdir() if not path.name.startswith(".")), key=lambda path: path.name)
    folders, loose = [path for path in entries if path.is_dir()], [path for path in entries if not path.is_dir()]
    if not folders:
        images = sum(map(_is_image, loose))
        raise ValueError(f"{root}: expected one subfolder a class, got none" + (f" but {images} images" if images else ""))
    names = _class_names(root, folders, classes)
    found = ClassFolders(names, others=[path for path in loose if _is_image(path)])
    for folder in folders:
        _add(found, folder, may_be_empty=classes is not None)
    if not found.paths:
        raise ValueError(f"{root}: expected images, got none")
    if found.others:
        warnings.warn(
            f"{root}: {len(found.others)} files are left out, as they are no images by their names, or in no class folder: "
            f"{listed(found.others, root)}",
            RuntimeWarning,
            stacklevel=3,
        )
    return found


def listed(paths: Sequence[Path], root: Path, most: int = _LISTED) -> str:
    """Return the first few paths as text, relative to a folder."""
    shown = [str(path.relative_to(root)) for path in paths[:most]]
    return ", ".join(shown) + (f" and {len(paths) - most} more" if len(paths) > most else "")


def _class_names(root: Path, folders: Sequence[Path], classes: Any) -> tuple[str, ...]:
    names = [folder.name for folder in folders]
    if classes is None:
        return tuple(names)
    if isinstance(classes, str) or not all(isinstance(name, str) for name in classes) or len(set(classes)) < len(classes):
        raise ValueError(f"classes: expected a list of different names, got {classes!r:.60}")
    unknown = [name for name in names if name not in classes]
    if unknown:
        more = ", ".join(unknown[:_LISTED])
        raise ValueError(f"{root}: expected subfolders of the {len(classes)} known classes, got also {more}")
    return tuple(classes)


def _add(found: ClassFolders, folder: Path, *, may_be_empty: bool) -> None:
    """Add the files of a class."""
    files = sorted((path for path in folder.iterdir() if not path.name.startswith(".")), key=lambda path: path.name)
    images = [path for path in files if _is_image(path)]
    others = [path for path in files if not _is_image(path) and path.name.lower() not in _OF_THE_SYSTEM]
    if not images and not may_be_empty:
        inner = sum(path.is_dir() for path in others)
        got = f"{inner} subfolders: if these are the classes, pass {folder}" if inner else ""
        got = got or (f"other files: {listed(others, folder)}" if others else "an empty folder")
        raise ValueError(f"class folder {folder}: expected images ({', '.join(EXTENSIONS)}), got {got}")
    found.paths += images
    found.labels += [found.classes.index(folder.name)] * len(images)
    found.others += others


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in EXTENSIONS and not path.is_dir()
