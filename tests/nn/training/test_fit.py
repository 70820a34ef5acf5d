import warnings

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.models import cnn, fcn, st_fcn
from stn_numba.nn import SGD, Adam, Chain, Classifier, Dense, Flatten, NonFiniteError, ReLU, SpatialTransformer
from stn_numba.nn.schedules import constant, step_decay

RNG = np.random.default_rng(0)
X = RNG.random((96, 12, 12, 1), np.float32)
Y = (X[:, 3:9, 3:9].mean(axis=(1, 2, 3)) > 0.5).astype(int)


def small(seed=0, transform="affine"):
    return st_fcn((12, 12, 1), 2, transform=transform, units=16, localisation_units=8, seed=seed)


def train(model, **options):
    return stn.fit(model, X, Y, **{"epochs": 3, "batch_size": 32, "progress": False, **options})


def noisy(images, rng):
    return images + 0.1 * rng.standard_normal(images.shape).astype(images.dtype)


@pytest.mark.parametrize("optimizer", [Adam(), SGD(), SGD(0.8, nesterov=True)])
def test_training_lowers_the_loss(optimizer):
    losses = train(small(), epochs=40, optimizer=optimizer, learning_rate=0.02).column("loss")
    assert losses[-1] < 0.7 * losses[0]


@pytest.mark.parametrize("transform", ["affine", "projective", "tps"])
def test_the_localisation_net_learns(transform):
    model = small(transform=transform)
    before = model.theta(X)
    train(model, learning_rate_multipliers={"localisation": 1})
    assert np.abs(model.theta(X) - before).max() > 1e-4
    assert not np.array_equal(model.transform(X), X)


def test_one_seed_repeats_a_run_bit_for_bit():
    models = [small(), small(), small()]
    for model, seed in zip(models, (5, 5, 6), strict=True):
        train(model, seed=seed, augment=noisy, clip_norm=1.0, label_smoothing=0.1)
    first, again, other = (np.concatenate([p.ravel() for p in m.params.values()]) for m in models)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_rates_slow_parts_down():
    model = small()
    before = {name: array.copy() for name, array in model.params.items()}
    train(model, learning_rate_multipliers={"localisation": 0.0})
    changed = {name for name, array in model.params.items() if not np.array_equal(array, before[name])}
    assert changed
    assert not any("localisation" in name for name in changed)


def test_history_and_callbacks():
    seen = []

    def stop_after_two(model, history):
        seen.append(len(history))
        return len(history) == 2

    history = train(small(), validation=(X[:10], Y[:10]), callbacks=[stop_after_two], schedule=step_decay())
    assert seen == [1, 2]
    assert history.column("epoch") == [1, 2]
    assert all(0 <= error <= 1 for error in history.column("validation_error"))


def test_a_time_budget_ends_training():
    assert len(train(small(), epochs=10**6, seconds=0.2)) < 10**6


def test_augmentation_may_change_the_size():
    model = fcn((6, 6, 1), 2, units=8)
    train(model, augment=lambda images, rng: images[:, 3:9, 3:9])
    assert model.predict(X[:, 3:9, 3:9]).shape == (96,)


def test_a_non_finite_loss_names_the_layer():
    model = small()
    model.params["dense2.weight"][0, 0] = np.nan
    with pytest.raises(NonFiniteError, match=r"epoch 1, step 1: parameter 'weight' of layer 'dense2' \(Dense\)"):
        train(model)
    with pytest.raises(NonFiniteError, match="96 of the 96 images of the batch have NaN or infinite pixels"):
        stn.fit(small(), np.full_like(X, np.inf), Y, progress=False)


def test_a_non_finite_localisation_net_is_named():
    model = small()
    model.params["spatialtransformer1.localisation.dense1.bias"][0] = np.inf
    with pytest.raises(NonFiniteError, match=r"parameter 'bias' of layer 'spatialtransformer1.localisation.dense1'"):
        train(model)


def test_a_non_finite_theta_is_named():
    model = small()
    model.params["spatialtransformer1.localisation.theta.bias"][0] = np.nan
    with pytest.raises(NonFiniteError, match=r"parameter 'bias' of layer 'spatialtransformer1.localisation.theta'"):
        train(model)


def test_a_region_that_left_the_image_is_named():
    model = small()
    model.params["spatialtransformer1.localisation.theta.bias"][2] = 5
    with pytest.warns(RuntimeWarning, match="layer 'spatialtransformer1': the sampled region has left the image for 100%"):
        train(model, learning_rate=0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train(small(), learning_rate=0.0)


def test_two_transformers_one_after_another():
    first, second = (SpatialTransformer(Chain(Flatten(), Dense(4), ReLU()), t) for t in ("affine", "tps"))
    model = Classifier(Chain(first, second, Flatten(), Dense(2)), (12, 12, 1), 2)
    before = {name: array.copy() for name, array in model.params.items()}
    train(model, learning_rate_multipliers={"localisation": 1})
    for name in ("spatialtransformer1.localisation.theta.bias", "spatialtransformer2.localisation.theta.bias"):
        assert not np.array_equal(model.params[name], before[name])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((X[:, :5], Y), r"X: expected \(N, 12, 12, 1\), got \(96, 5, 12, 1\)"),
        ((X, Y[:5]), r"y: expected \(96,\) whole numbers"),
        ((X, Y + 1), "y: expected labels 0 to 1, got 1 to 2"),
        ((X[:0], Y[:0]), "X: expected at least one image"),
    ],
)
def test_bad_data(arguments, message):
    with pytest.raises(ValueError, match=message):
        stn.fit(small(), *arguments, progress=False)


@pytest.mark.parametrize("optimizer", [Adam(), SGD(0.0)])
def test_weights_decay_by_their_rates_and_biases_do_not(optimizer):
    models = [small(), small()]
    for model, decay in zip(models, (0.0, 0.5), strict=True):
        train(model, epochs=1, batch_size=len(X), optimizer=optimizer, schedule=constant, learning_rate=0.1, weight_decay=decay)
    start = small().params
    plain, decayed = (model.params for model in models)
    for name, array in start.items():
        rate = 0.01 if "localisation" in name.split(".") else 0.1
        lost = 0.5 * rate * array if array.ndim > 1 else 0
        np.testing.assert_allclose(plain[name] - decayed[name], lost + 0 * array, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"validation": (X[:, :5], Y)}, r"validation X: expected \(N, 12, 12, 1\), got \(96, 5, 12, 1\)"),
        ({"validation": (X, Y[:5])}, r"validation y: expected \(96,\) whole numbers"),
        (
            {"learning_rate_multipliers": {"localization": 0.1}},
            "learning_rate_multipliers: expected parts of parameter names .*, got 'localization'; did you mean 'localisation'",
        ),
        ({"epochs": 0}, "epochs: expected at least 1, got 0"),
        ({"batch_size": 0}, "batch_size: expected at least 1, got 0"),
        ({"seconds": 0}, r"seconds: expected a number in \(0, inf\], got 0"),
        ({"learning_rate": np.inf}, r"learning_rate: expected a number in \[0, inf\), got inf"),
        ({"weight_decay": -1}, r"weight_decay: expected a number in \[0, inf\), got -1"),
        ({"label_smoothing": 1}, r"label_smoothing: expected a number in \[0, 1\), got 1"),
    ],
)
def test_bad_options_are_refused_before_any_work(options, message):
    def no_work(images, rng):
        raise AssertionError("it has begun")

    with pytest.raises(ValueError, match=message):
        train(small(), augment=no_work, **options)


def test_prediction():
    model = cnn((28, 28, 1), filters=2)
    images = RNG.random((300, 28, 28), np.float32)
    probabilities = model.predict_proba(images)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    assert np.array_equal(model.predict(images), probabilities.argmax(axis=1))
    assert model.predict(images[:0]).shape == (0,)
    with pytest.raises(ValueError, match="it has no spatial transformer"):
        model.theta(images)


@pytest.mark.parametrize(
    ("augment", "message"),
    [
        (lambda images, rng: images[:7], "augment: expected 32 images, as many as it was given, got 7"),
        (lambda images, rng: None, "augment's images: expected"),
    ],
)
def test_an_augmentation_that_loses_images_is_refused(augment, message):
    with pytest.raises((ValueError, TypeError), match=message):
        train(small(), augment=augment)


def test_a_last_update_that_is_not_finite_is_noticed():
    model = Classifier(Chain(Flatten(), Dense(2)), (12, 12, 1), 2)
    with pytest.raises(NonFiniteError, match="a parameter is not finite in epoch 1, after its last step"):
        train(model, epochs=1, batch_size=96, optimizer=SGD(0.0), learning_rate=1e300, schedule=constant)


def test_columns_of_the_history_go_by_name():
    history = train(small(), epochs=1)
    with pytest.raises(ValueError, match="name: expected one of epoch, loss, .*, got 'accuracy'"):
        history.column("accuracy")
    with pytest.raises(ValueError, match="restore_best: expected one of loss, error, .*, got 'epoch'"):
        train(small(), restore_best="epoch")


def test_pixels_that_are_not_finite_are_refused_before_any_answer():
    model, bad = small(), X.copy()
    bad[70, 3, 3] = np.nan
    bad[80, 0, 0] = np.inf
    message = "X: expected finite pixels, got NaN or infinite ones in 2 of 96 images, the first of them number 70"
    for ask in (model.predict, model.predict_proba, model.theta, model.transform, lambda x: model.evaluate(x, Y)):
        with pytest.raises(ValueError, match=message):
            ask(bad)
    with pytest.raises(ValueError, match=f"validation {message}"):
        train(model, validation=(bad, Y))
    assert np.isfinite(model.logits(np.full_like(X, 1e30))).all()  # large, and finite


@pytest.mark.parametrize("answer", [True, np.True_])
def test_a_callback_that_answers_true_stops(answer):
    assert len(train(small(), epochs=3, callbacks=[lambda model, history: answer])) == 1


@pytest.mark.parametrize("answer", [None, 1, "yes", np.ones(2), np.False_])
def test_other_answers_do_not(answer):
    assert len(train(small(), epochs=2, callbacks=[lambda model, history: answer])) == 2


def test_labels_of_another_kind_are_refused_with_what_makes_them_fit():
    with pytest.raises(ValueError, match="y: expected .96,. whole numbers.*argmax"):
        stn.fit(small(), X, np.eye(2)[Y], progress=False)
    with pytest.raises(ValueError, match="y: expected .96,. whole numbers.*return_inverse"):
        stn.fit(small(), X, np.array(["cat", "dog"])[Y], progress=False)
    with pytest.raises(ValueError, match="y: expected labels 0 to 1, got 5 to 6"):
        small().evaluate(X, Y + 5)


def test_a_stream_that_yields_no_pairs_is_refused():
    class Unlabeled:
        def __len__(self):
            return 1

        def __call__(self, rng):
            yield X

    with pytest.raises(TypeError, match=r"X: expected the stream to yield pairs \(images, labels\), got ndarray"):
        stn.fit(small(), Unlabeled(), progress=False)


def test_pixels_of_whole_numbers_are_warned_of_unless_they_are_masks():
    with pytest.warns(RuntimeWarning, match=r"X: pixels are whole numbers of up to 255, .* X / 255 as float32"):
        stn.fit(small(), np.full(X.shape, 255, np.uint8), Y, epochs=1, progress=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stn.fit(small(), (X > 0.5).astype(np.uint8), Y, epochs=1, progress=False)
        stn.fit(small(), np.full(X.shape, 255, np.uint8), Y, epochs=1, augment=lambda x, rng: x / 255, progress=False)
