"""Folders of images as training data."""

import pickle
import shutil

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.data import Resize, folder, read_images, resize
from stn_numba.nn import Stream
from tests.data.images.examples import write, write_folder

pytest.importorskip("PIL", reason="Pillow is not installed")

COUNTS = {"dark": 12, "light": 30, "middle": 3}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("images"), COUNTS)


def test_what_is_found(root):
    images = folder(root, batch_size=10)
    assert isinstance(images, Stream)
    assert images.classes == ("dark", "light", "middle")
    assert images.counts == COUNTS
    assert (images.n_images, images.n_classes, len(images), images.image_shape) == (45, 3, 5, (12, 10, 1))
    assert "45 images of 12 x 10 x 1, 3 classes" in repr(images)
    np.testing.assert_allclose(images.class_weights(), 45 / (3 * np.array([12, 30, 3])))
    assert images.class_weights()[images.labels].mean() == pytest.approx(1)


def test_arrays_are_the_files_in_order(root):
    from PIL import Image

    images = folder(root)
    X, y = images.arrays()
    assert X.dtype == np.uint8
    np.testing.assert_array_equal(X[..., 0], [np.asarray(Image.open(path)) for path in images.paths])
    assert y.tolist() == [images.classes.index(path.parent.name) for path in images.paths]


@pytest.mark.parametrize("cache", [None, "memory", "folder"])
def test_an_epoch_has_every_image_once_and_depends_on_the_generator_alone(root, tmp_path, cache):
    images = folder(root, batch_size=10, size=(8, 6), cache=tmp_path if cache == "folder" else cache)
    X, y = images.arrays()
    first, again, other = (list(images(np.random.default_rng(seed))) for seed in (0, 0, 1))
    for (a, labels), (b, same) in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(labels, same)
    assert not np.array_equal(first[0][0], other[0][0])
    seen = np.concatenate([batch for batch, _ in first]), np.concatenate([labels for _, labels in first])
    order = {image.tobytes(): label for image, label in zip(X, y, strict=True)}
    assert len(seen[0]) == len(X)
    assert [order.pop(image.tobytes()) for image in seen[0]] == seen[1].tolist()


def test_images_are_resized_by_the_warp(tmp_path):
    big = np.random.default_rng(0).integers(0, 256, (31, 47, 3), np.uint8)
    write(tmp_path / "a" / "1.png", big)
    X, _ = folder(tmp_path, size=(8, 9), aspect="crop").arrays()
    np.testing.assert_array_equal(X[0], resize(big, (8, 9), aspect="crop"))
    padded = folder(tmp_path, size=(20, 20), aspect="pad", background=7, dtype="uint16").arrays()[0]
    assert padded.dtype == np.uint16
    assert (padded[0, 0] == 7 * 257).all()


def test_channels_are_those_of_the_files_or_as_asked(tmp_path):
    write(tmp_path / "a" / "1.png", np.full((4, 4), 9, np.uint8))
    assert folder(tmp_path).image_shape == (4, 4, 1)
    write(tmp_path / "b" / "1.png", np.full((4, 4, 3), 9, np.uint8))
    assert folder(tmp_path).image_shape == (4, 4, 3)
    assert folder(tmp_path, channels=1).arrays()[0].tolist() == np.full((2, 4, 4, 1), 9).tolist()


def test_split_keeps_shares_and_shares_no_file(root):
    images = folder(root)
    training, held_out = images.split(0.25, seed=1)
    assert held_out.counts == {"dark": 3, "light": 8, "middle": 1}
    assert sorted(training.paths + held_out.paths) == sorted(images.paths)
    assert (training.arrays()[1] == training.labels).all()
    assert images.split(0.25, seed=1)[1].paths == held_out.paths
    with pytest.raises(ValueError, match=r"validation: expected a number in \(0, 1\)"):
        images.split(1.0)
    with pytest.raises(ValueError, match="rows: expected at least one row"):
        images.subset([])


def test_mixed_sizes_come_in_batches_of_one_size_and_train_with_an_augmentation_to_one(tmp_path):
    write_folder(tmp_path, {"a": 9, "b": 9}, size=(12, 12))
    write_folder(tmp_path, {"a": 4, "b": 4}, size=(16, 14), seed=1)
    images = folder(tmp_path, batch_size=4)
    assert "several sizes x 1" in repr(images)
    batches = list(images(np.random.default_rng(0)))
    assert len(batches) == len(images)
    assert {batch.shape[1:3] for batch, _ in batches} == {(12, 12), (16, 14)}
    for call in (images.arrays, lambda: images.image_shape):
        with pytest.raises(ValueError, match=r"expected one size, got 2; give `folder` the option size=\(H, W\)"):
            call()
    model = stn.nn.rescaled(stn.models.fcn((10, 10, 1), 2, units=8))
    history = stn.fit(model, images, epochs=20, augment=Resize((10, 10)), learning_rate=1e-2, progress=False)
    assert history[-1].error == 0


def test_fit_trains_and_resumes_to_the_same_bits(root, tmp_path):
    options = {"epochs": 3, "progress": False, "learning_rate": 1e-2, "seed": 5}

    def model():
        return stn.nn.rescaled(stn.models.fcn((12, 10, 1), 3, units=8))

    whole, resumed = model(), model()
    stn.fit(whole, folder(root, batch_size=10), **options)
    options["checkpoint"] = tmp_path / "c"

    def stop(model, history):
        if len(history) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stn.fit(model(), folder(root, batch_size=10), callbacks=[stop], **options)
    stn.fit(resumed, folder(root, batch_size=10, cache="memory"), **options)
    for name, array in whole.params.items():
        np.testing.assert_array_equal(array, resumed.params[name])


def test_training_changes_no_kept_image(root):
    images = folder(root, cache="memory")
    before = images.arrays()[0]

    def spoil(images, rng):
        images[...] = 0
        return images

    stn.fit(stn.models.fcn((12, 10, 1), 3, units=8), images, epochs=1, augment=spoil, progress=False)
    np.testing.assert_array_equal(images.arrays()[0], before)


def test_it_pickles(root):
    images = folder(root, cache="memory", batch_size=20)
    again = pickle.loads(pickle.dumps(images))
    for (a, _), (b, _) in zip(images(np.random.default_rng(0)), again(np.random.default_rng(0)), strict=True):
        np.testing.assert_array_equal(a, b)
    assert len(pickle.dumps(images)) < 20_000


def spoiled(root, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(root, copy)
    (copy / "dark" / "000.png").write_bytes(b"text")
    content = (copy / "light" / "005.png").read_bytes()
    (copy / "light" / "005.png").write_bytes(content[:-30])
    return copy


def test_damaged_files_are_refused_together(root, tmp_path):
    with pytest.raises(
        ValueError, match=r'(?s)2 damaged files; damaged="skip" leaves them out:.*dark/000\.png.*light/005\.png'
    ):
        folder(spoiled(root, tmp_path))


def test_damaged_files_are_skipped_with_one_warning(root, tmp_path):
    with pytest.warns(RuntimeWarning, match=r"(?s)2 damaged files are left out:.*dark/000\.png.*light/005\.png") as caught:
        images = folder(spoiled(root, tmp_path), damaged="skip")
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert images.counts == {"dark": 11, "light": 29, "middle": 3}
    assert len(images.arrays()[0]) == len(images.labels) == 43


def test_a_class_of_damaged_files_is_refused(tmp_path):
    write_folder(tmp_path, {"a": 2, "b": 1})
    (tmp_path / "b" / "000.png").write_bytes(b"")
    with (
        pytest.warns(RuntimeWarning),
        pytest.raises(ValueError, match="class folder b: expected images, got damaged files only"),
    ):
        folder(tmp_path, damaged="skip")


def test_changed_files_are_read_again(tmp_path):
    write(tmp_path / "a" / "1.png", np.zeros((4, 4), np.uint8))
    images = folder(tmp_path, cache="memory")
    write(tmp_path / "a" / "1.png", np.arange(16, dtype=np.uint8).reshape(4, 4))
    assert images.arrays()[0].max() == 15
    write(tmp_path / "a" / "1.png", np.zeros((5, 4), np.uint8))
    with pytest.raises(ValueError, match=r"1\.png: expected \(4, 4\) pixels, as before, got \(5, 4\)"):
        images.arrays()


def test_classes_of_another_folder(root, tmp_path):
    write_folder(tmp_path, {"light": 2})
    test = folder(tmp_path, classes=folder(root).classes)
    assert test.labels.tolist() == [1, 1]
    assert test.class_weights()[1] == 1


def test_images_for_prediction_are_read_the_same_way(root):
    images = folder(root, size=(8, 8))
    np.testing.assert_array_equal(read_images(images.paths, (8, 8)), images.arrays()[0])
    assert read_images([], (8, 8), channels=3).shape == (0, 8, 8, 3)
    with pytest.raises(TypeError, match=r"paths: expected a list of paths, got one: pass \['a.png'\]"):
        read_images("a.png", (8, 8))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"channels": 4}, r"channels: expected 1 \(gray\), 3 \(RGB\) or None"),
        ({"size": 40}, r"size: expected \(h, w\)"),
        ({"aspect": "fit"}, "aspect: expected one of stretch, crop, pad"),
        ({"background": 256}, "background: expected 0 to 255"),
        ({"dtype": "float32"}, "dtype: expected one of uint8, uint16"),
        ({"batch_size": 0}, "batch_size: expected at least 1"),
        ({"damaged": "ignore"}, "damaged: expected one of raise, skip"),
    ],
)
def test_wrong_options_are_refused(root, options, message):
    with pytest.raises(ValueError, match=message):
        folder(root, **options)
