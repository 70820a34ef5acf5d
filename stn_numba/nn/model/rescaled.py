"""Put a scale of pixels in front of a classifier."""

from __future__ import annotations

from collections.abc import Sequence

from stn_numba.nn.layers.chain import Chain
from stn_numba.nn.layers.rescale import Rescale
from stn_numba.nn.model.classifier import Classifier

__all__ = ["rescaled"]


def rescaled(
    model: Classifier, scale: float = 1 / 255, offset: float = 0.0, *, classes: Sequence[str] | None = None
) -> Classifier:
    """Return a classifier of images on another scale: the layers of a model after `stn_numba.nn.Rescale`.

    The scale is saved with the model. The parameters are copies, so the model itself stays as it is.

    Parameters
    ----------
    model : Classifier
        A network for pixels of about 1, such as those of `stn_numba.models`.
    scale, offset : float, default 1 / 255 and 0.0
        Its input is ``scale * pixels + offset``. The default is for images of 8 bits.
    classes : sequence of str, default None
        Names of the classes; None for those of the model, if it has any.

    Raises
    ------
    TypeError, ValueError
        If the model is no `Classifier`, or an option does not fit.

    Examples
    --------
    >>> from stn_numba.models import fcn
    >>> model = rescaled(fcn((12, 12, 3), 5))
    >>> list(model.network.layers)[:2]
    ['rescale1', 'center1']
    """
    if not isinstance(model, Classifier):
        raise TypeError(f"model: expected a Classifier, got {type(model).__name__}")
    network = Chain(Rescale(scale, offset), *model.network.layers.values())
    names = model.classes if classes is None else classes
    return Classifier(
        network, model.input_shape, model.n_classes, multi_label=model.multi_label, classes=names, dtype=model.dtype
    )
