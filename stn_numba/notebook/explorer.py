"""The widget of `explore`."""

from __future__ import annotations

import html
from typing import Any

import ipywidgets as widgets
import numpy as np
from scipy.special import softmax

from stn_numba.nn.arrays import Floats
from stn_numba.nn.model import Classifier, Model
from stn_numba.nn.model.find_transformers import chosen_transformer
from stn_numba.notebook.chosen_theta import ChosenTheta
from stn_numba.notebook.pictures import as_color, picture
from stn_numba.plot.region import region_outline

__all__ = ["Explorer"]

_SPREAD = 2.0  # how far sliders of theta reach from the identity
_MOST_SLIDERS = 60
_MOST_CLASSES = 5  # that are shown


class Explorer(widgets.VBox):  # type: ignore[misc]
    """The widget that `explore` returns.

    Attributes
    ----------
    image : IntSlider
        Number of the image.
    choose_theta : Checkbox
        Whether `theta` is chosen by the sliders.
    theta : list of FloatSlider
        The parameters.
    input_picture, view_picture, prediction : HTML
        What is shown.
    outputs : array, or dict of arrays
        Outputs of the network for the image, as `Model.outputs` returns them.
    view : (h, w, C) array
        What the transformer samples.
    """

    def __init__(self, model: Model, X: Floats, transformer: int | str) -> None:
        _, self._layer = chosen_transformer(model.network, transformer)
        self._model, self._X, self._transformer = model, X, transformer
        self._by_hand = ChosenTheta(model, transformer)
        self._limits = float(X.min()), float(X.max())
        self._thetas = model.theta(X, transformer=transformer)
        self.image = widgets.IntSlider(0, 0, len(X) - 1, description="image", continuous_update=True)
        self.choose_theta = widgets.Checkbox(False, description="choose theta", indent=False)
        self.theta = [self._slider(place) for place in range(min(self._thetas.shape[1], _MOST_SLIDERS))]
        self.input_picture, self.view_picture, self.prediction = (widgets.HTML() for _ in range(3))
        pictures = widgets.HBox([self.input_picture, self.view_picture, self.prediction])
        sliders = widgets.VBox(self.theta, layout=widgets.Layout(max_height="220px", overflow="auto"))
        super().__init__([widgets.HBox([self.image, self.choose_theta]), pictures, sliders])
        self.image.observe(self._image_changed, "value")
        self.choose_theta.observe(self._image_changed, "value")
        for slider in self.theta:
            slider.observe(self._theta_changed, "value")
        self._image_changed()

    def _slider(self, place: int) -> Any:
        """Return the slider of a parameter, which reaches all values that the network chooses."""
        chosen, identity = self._thetas[:, place], float(self._layer.transform.identity()[place])
        low, high = min(identity - _SPREAD, float(chosen.min())), max(identity + _SPREAD, float(chosen.max()))
        return widgets.FloatSlider(identity, min=low, max=high, step=0.01, readout_format=".3f", description=f"theta[{place}]")

    def _image_changed(self, _: Any = None) -> None:
        """Let the sliders follow the network, unless the visitor sets them."""
        by_hand = self.choose_theta.value
        for slider, value in zip(self.theta, self._thetas[self.image.value], strict=False):
            slider.disabled = not by_hand
            if not by_hand:
                slider.value = float(value)
        self._show()

    def _theta_changed(self, _: Any) -> None:
        if self.choose_theta.value:
            self._show()

    def _show(self) -> None:
        x = self._X[self.image.value : self.image.value + 1]
        theta = self._thetas[self.image.value].copy()
        if self.choose_theta.value:
            theta[: len(self.theta)] = [slider.value for slider in self.theta]
        outputs, view = self._by_hand(x, theta)
        self.outputs, self.view = outputs, view[0]
        low, high = self._limits
        outline = region_outline(self._layer.transform, theta, x.shape[1:3], align_corners=self._layer.align_corners)
        self.input_picture.value = picture(as_color(x[0], low, high), "image, with the region that is read", outline)
        self.view_picture.value = picture(as_color(view[0], *self._view_limits()), "output of the transformer")
        self.prediction.value = _described(self._model, outputs)

    def _view_limits(self) -> tuple[float, float]:
        """Return the limits of what is shown of the transformer's output; feature maps have their own."""
        if self.view.shape[2] == self._X.shape[3]:
            return self._limits
        return float(self.view.min()), float(self.view.max())


def _described(model: Model, outputs: Any) -> str:
    """Return the prediction as HTML: the most probable classes, or the outputs."""
    if not isinstance(model, Classifier) or model.multi_label:
        named = outputs if isinstance(outputs, dict) else {"outputs": outputs}
        lines = [f"{name}: {np.array2string(np.asarray(values)[0], precision=3)}" for name, values in named.items()]
        return f"<pre>{html.escape(chr(10).join(lines))}</pre>"
    shares = softmax(outputs[0])
    names = range(len(shares)) if model.classes is None else model.classes
    best = np.argsort(-shares, kind="stable")[:_MOST_CLASSES]
    lines = [f"{html.escape(str(names[place]))}: {shares[place]:.1%}" for place in best]
    return f"<div>prediction</div><strong>{lines[0]}</strong><br/>{'<br/>'.join(lines[1:])}"
