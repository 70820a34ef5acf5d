"""`explore`: choose an image, see what the transformer reads, and choose theta in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from stn_numba.nn.model import Model

if TYPE_CHECKING:
    from stn_numba.notebook.explorer import Explorer

__all__ = ["explore"]


def explore(model: Model, images: ArrayLike, *, transformer: int | str = 0) -> Explorer:
    """Return a widget of sliders that shows what a spatial transformer does with images, for notebooks.

    It shows an image with the region that the transformer reads, the transformer's output, and the prediction. The sliders of
    theta follow the network, until "choose theta" is ticked: then they set theta. Of more than 60 parameters the first 60 have
    sliders.

    Parameters
    ----------
    model : Model
        With a spatial transformer. Later training of it is not seen.
    images : (N, H, W, C) or (N, H, W) array of numbers
        At least one image, as for `Model.outputs`.
    transformer : int or str, default 0
        Which one, as for `Model.theta`.

    Returns
    -------
    Explorer
        A widget of ipywidgets (a `VBox`), shown by a notebook if it is the last line of a cell.

    Raises
    ------
    ImportError
        If ipywidgets or Pillow is not installed.
    TypeError, ValueError
        If images do not fit the model, there is none, or there is no such transformer.

    Examples
    --------
    >>> import numpy as np
    >>> from stn_numba.models import st_fcn
    >>> X = np.random.default_rng(0).random((5, 28, 28), np.float32)
    >>> explorer = explore(st_fcn(), X)
    >>> explorer.image.value = 3
    >>> explorer.choose_theta.value = True
    >>> explorer.theta[0].value = -1
    >>> np.array_equal(explorer.view, X[3, :, ::-1, None])
    True
    """
    if not isinstance(model, Model):
        raise TypeError(f"model: expected a Model, got {type(model).__name__}")
    if len(model.input_shape) != 3:
        raise ValueError(f"model: expected one of images (H, W, C), got one of volumes {model.input_shape}")
    X = model.check_images(images, name="images")
    if not len(X):
        raise ValueError("images: expected at least one")
    try:
        from stn_numba.notebook.explorer import Explorer
    except ImportError as error:
        raise ImportError('stn_numba.explore needs ipywidgets and Pillow: pip install "stn-numba[notebook]"') from error
    return Explorer(model, X, transformer)
