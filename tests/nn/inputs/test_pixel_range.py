"""Images on another scale than those of training."""

import copy
import json
import warnings

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.models import fcn, st_fcn
from stn_numba.nn.inputs.pixel_range import PixelRange

RNG = np.random.default_rng(0)
X, Y = RNG.random((64, 8, 8, 1), np.float32), np.arange(64) % 3
WHOLE = (255 * X).astype(np.uint8)
STANDARD = ((X - X.mean()) / X.std()).astype(np.float32)

pytestmark = pytest.mark.filterwarnings("ignore:X. pixels are whole numbers:RuntimeWarning")


def trained(images, **options):
    model = st_fcn((8, 8, 1), 3, units=8, localisation_units=4)
    stn.fit(model, images, Y, **{"epochs": 1, "batch_size": 16, "progress": False, **options})
    return model


ASK = {
    "predict": lambda model, images: model.predict(images),
    "predict_proba": lambda model, images: model.predict_proba(images),
    "logits": lambda model, images: model.logits(images),
    "theta": lambda model, images: model.theta(images),
    "transform": lambda model, images: model.transform(images),
    "evaluate": lambda model, images: model.evaluate(images, Y[: len(images)]),
}


@pytest.mark.parametrize("ask", ASK)
def test_every_method_warns_once_about_another_scale(ask):
    model = trained(X)
    with pytest.warns(
        RuntimeWarning, match="X: pixels are whole numbers from 0 to 2.., but the model was trained on floats"
    ) as seen:
        ASK[ask](model, WHOLE)
    assert len(seen) == 1
    assert seen[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.predict(WHOLE)


FAR = {
    "0 to 255 for 0 to 1": (X, WHOLE),
    "one image of 0 to 255": (X, WHOLE[:1]),
    "0 to 255 as floats": (X, 255 * X),
    "0 to 1 for 0 to 255": (WHOLE, X),
    "0 to 1 for 0 to 255 as floats": (255 * X, X),
    "divided twice": (X, X / 255),
    "one image divided twice": (X, X[:1] / 255),
    "16 bits for 8": (WHOLE, (65535.0 * X).astype(np.uint16)),
    "-1 to 1 for 0 to 1": (X, 2 * X - 1),
    "standardized for 0 to 1": (X, STANDARD),
    "0 to 1 for standardized": (2 * X - 1, X),
    "0 to 255 for standardized": (STANDARD, WHOLE),
}


@pytest.mark.parametrize("kind", FAR)
def test_another_scale_warns(kind):
    training, asked = FAR[kind]
    with pytest.warns(RuntimeWarning, match="X: pixels are .*, but the model was trained on"):
        trained(training).predict(asked)


NEAR = {
    "the same": (X, X),
    "black": (X, 0 * X),
    "black for 0 to 255": (WHOLE, 0 * WHOLE),
    "black for standardized": (STANDARD, 0 * X),
    "one dark image": (X, 0.01 * X[:1]),
    "dark images": (X, 0.05 * X),
    "one dark image of 0 to 255": (WHOLE, WHOLE[:1] // 64),
    "somewhat larger": (0.5 * X, 1.2 * X),
    "somewhat below 0": (X, X - 0.1),
    "masks": (X, (X > 0.5).astype(np.uint8)),
    "whole numbers as floats": (WHOLE, WHOLE.astype(np.float64)),
    "floats as whole numbers": (255 * X, WHOLE),
    "standardized": (STANDARD, STANDARD[:1]),
    "bright images of standardized ones": (STANDARD, np.abs(STANDARD[:2])),
    "float64": (X, X.astype(np.float64)),
    "none": (X, X[:0]),
    "trained on black": (0 * X, X),
}


@pytest.mark.parametrize("kind", NEAR)
def test_the_same_scale_does_not_warn(kind):
    training, asked = NEAR[kind]
    model = trained(training)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.predict(asked)
        model.theta(asked)


def test_noise_in_training_does_not_cause_warnings():
    model = trained(X, augment=lambda images, rng: images + 0.2 * rng.standard_normal(images.shape).astype(np.float32))
    assert model.pixels.low < -0.3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.predict(X)


def test_the_range_is_that_of_the_augmented_images():
    model = trained(WHOLE, augment=lambda images, rng: images / 255)
    assert 0 <= model.pixels.low <= model.pixels.high <= 1
    with pytest.warns(RuntimeWarning, match="whole numbers from"):
        model.predict(WHOLE)


def test_validation_on_another_scale_warns_at_the_first_step():
    steps = []

    def scaled(images, rng):
        steps.append(1)
        if len(steps) == 2:
            raise KeyboardInterrupt
        return images / 255

    with pytest.warns(RuntimeWarning, match="validation X: pixels are whole numbers"), pytest.raises(KeyboardInterrupt):
        trained(WHOLE, augment=scaled, validation=(WHOLE, Y))


def test_training_on_another_scale_warns_and_updates_the_range():
    model = trained(X)
    with pytest.warns(RuntimeWarning, match="images in training: pixels are floats from"):
        stn.fit(model, 255 * X, Y, epochs=1, progress=False)
    assert model.pixels.high > 100
    with pytest.warns(RuntimeWarning, match="X: pixels are floats from"):  # a new training may warn anew
        model.predict(X)


def test_an_untrained_model_has_no_range():
    model = fcn((8, 8, 1), 3, units=4)
    assert model.pixels is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.predict(WHOLE)
        model.predict(X)


def test_every_batch_of_a_run_extends_the_range():
    images = X.copy()
    images[:, 0, 0, 0] = np.linspace(0, 3, 64)
    pixels = trained(images, epochs=8).pixels
    assert pixels.high == 3
    assert pixels.kind == "f"


def test_files_and_copies_keep_the_range(tmp_path):
    pytest.importorskip("safetensors")
    model = trained(X)
    stn.save(model, tmp_path / "model")
    assert stn.load(tmp_path / "model").pixels == model.pixels == copy.deepcopy(model).pixels
    with pytest.warns(RuntimeWarning, match="but the model was trained on floats from 0"):
        stn.load(tmp_path / "model").predict(WHOLE)


@pytest.mark.parametrize(
    "pixels",
    [3, {"low": 0}, *({"low": low, "high": high, "kind": kind} for low, high, kind in
     ((2, 1, "f"), (0, "a", "f"), (0, 1, "x"), (float("nan"), 1, "f"), (0, float("inf"), "f")))],
)  # fmt: skip
def test_bad_ranges_in_files_are_refused_and_missing_ones_accepted(tmp_path, pixels):
    safetensors = pytest.importorskip("safetensors.numpy")
    from safetensors import safe_open

    stn.save(trained(X), tmp_path / "model")
    with safe_open(tmp_path / "model", framework="numpy") as file:
        architecture = json.loads(file.metadata()["stn_numba"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118

    def rewrite():
        content = safetensors.save(tensors, metadata={"stn_numba": json.dumps(architecture)})
        (tmp_path / "model").write_bytes(content)

    architecture["pixels"] = pixels
    rewrite()
    with pytest.raises(stn.nn.StorageError, match="pixels|low|high|kind"):
        stn.load(tmp_path / "model")
    del architecture["pixels"]
    rewrite()
    assert stn.load(tmp_path / "model").pixels is None


def test_a_resumed_run_keeps_the_range(tmp_path):
    pytest.importorskip("safetensors")

    def cut(model, history):
        raise KeyboardInterrupt

    uninterrupted = trained(X, epochs=2)
    with pytest.raises(KeyboardInterrupt):
        trained(X, epochs=2, checkpoint=tmp_path / "run", callbacks=[cut])
    assert trained(X, epochs=2, checkpoint=tmp_path / "run").pixels == uninterrupted.pixels


def test_non_finite_pixels_have_no_range():
    assert PixelRange.of(np.array([1.0, np.nan]), "f") is None
    assert PixelRange.of(np.array([1.0, np.inf]), "f") is None
    assert PixelRange.of(np.zeros((0, 2)), "f") is None
