"""The error of a model that cannot be exported."""

from __future__ import annotations

__all__ = ["ExportError"]


class ExportError(ValueError):
    """A model, a layer or a transform that ONNX operators cannot express; the message names it."""
