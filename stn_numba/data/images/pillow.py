"""Load Pillow when it is first needed."""

from __future__ import annotations

from typing import Any

__all__ = ["load_pillow"]


def load_pillow() -> Any:
    """Return the module ``PIL.Image`` with all formats loaded.

    Raises
    ------
    ImportError
        If Pillow is not installed; the message names the extra.
    """
    try:
        import PIL.Image
    except ImportError as error:
        raise ImportError("image files need Pillow: pip install stn-numba[images]") from error
    PIL.Image.init()
    return PIL.Image
