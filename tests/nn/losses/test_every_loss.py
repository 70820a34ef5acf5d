"""What holds for every loss: gradients, weights, agreement with slow formulas and with torch."""

import numpy as np
import pytest

from stn_numba.nn import BinaryCrossEntropy, CrossEntropy, Huber, MeanSquaredError, sigmoid, softmax
from stn_numba.testing import check_vjp

RNG = np.random.default_rng(5)
N, D = 7, 4
OUTPUTS = 2 * RNG.standard_normal((N, D))
LABELS, SOFT, TRUTHS = RNG.integers(0, D, N), RNG.dirichlet(np.ones(D), N), RNG.integers(0, 2, (N, D))
WEIGHTS = RNG.random(N)

CASES = {  # loss, targets, and the losses of the images by an obvious formula
    "classes": (CrossEntropy(), LABELS, lambda: -np.log(softmax(OUTPUTS)[np.arange(N), LABELS])),
    "soft labels": (CrossEntropy(), SOFT, lambda: -(SOFT * np.log(softmax(OUTPUTS))).sum(axis=1)),
    "smoothed": (
        CrossEntropy(label_smoothing=0.2),
        SOFT,
        lambda: -((0.8 * SOFT + 0.05) * np.log(softmax(OUTPUTS))).sum(axis=1),
    ),
    "weighted classes": (
        CrossEntropy(class_weight=[1, 2, 3, 0]),
        LABELS,
        lambda: -np.array([1, 2, 3, 0])[LABELS] * np.log(softmax(OUTPUTS)[np.arange(N), LABELS]),
    ),
    "yes and no": (
        BinaryCrossEntropy(),
        TRUTHS,
        lambda: -np.log(np.where(TRUTHS, sigmoid(OUTPUTS), 1 - sigmoid(OUTPUTS))).mean(axis=1),
    ),
    "squares": (MeanSquaredError(), SOFT, lambda: ((OUTPUTS - SOFT) ** 2).mean(axis=1)),
    "Huber": (
        Huber(0.7),
        SOFT,
        lambda: np.where(np.abs(OUTPUTS - SOFT) < 0.7, 0.5 * (OUTPUTS - SOFT) ** 2, 0.7 * (np.abs(OUTPUTS - SOFT) - 0.35)).mean(
            axis=1
        ),
    ),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["", "weighted"])
def test_the_value_is_the_weighted_mean_over_the_images(case, weights):
    loss, targets, losses = CASES[case]
    expected = np.mean(losses() * (1 if weights is None else weights))
    assert loss(OUTPUTS, targets, weights)[0] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["", "weighted"])
def test_the_gradient_agrees_with_differences(case, weights):
    loss, targets, _ = CASES[case]

    def function(outputs):
        value, d_outputs = loss(outputs, targets, weights)
        return np.array(value), lambda u: u * d_outputs

    check_vjp(function, OUTPUTS)


@pytest.mark.parametrize("case", CASES)
def test_gradients_have_the_dtype_of_the_outputs(case):
    loss, targets, _ = CASES[case]
    for weights in (None, WEIGHTS):
        assert loss(OUTPUTS.astype(np.float32), targets, weights)[1].dtype == np.float32


def test_hard_labels_agree_with_one_hot_rows():
    value, gradient = CrossEntropy()(OUTPUTS, LABELS)
    soft, soft_gradient = CrossEntropy()(OUTPUTS, np.eye(D)[LABELS])
    assert value == pytest.approx(soft, rel=1e-12)
    np.testing.assert_allclose(gradient, soft_gradient, rtol=1e-12, atol=1e-15)


def test_huge_outputs_stay_finite():
    for loss, target in ((CrossEntropy(), np.array([[0.5, 0.5]])), (BinaryCrossEntropy(), np.array([[1, 0]]))):
        value, gradient = loss(np.array([[1e4, -1e4]]), target)
        assert np.isfinite(value)
        assert np.isfinite(gradient).all()
    assert BinaryCrossEntropy()(np.array([[1e4, -1e4]]), np.array([[1, 0]]))[0] == 0


def test_errors_follow_the_loss():
    assert CrossEntropy().errors(np.array([[1.0, 2.0], [2.0, 1.0]]), np.array([1, 1])).tolist() == [False, True]
    assert CrossEntropy().errors(np.array([[1.0, 2.0]]), np.array([[0.4, 0.6]])).tolist() == [False]
    assert BinaryCrossEntropy().errors(np.array([[1.0, -2.0]]), np.array([[1, 1]])).tolist() == [0.5]
    assert MeanSquaredError().errors(np.array([[1.0, -2.0]]), np.array([[0.0, 0.0]])).tolist() == [1.5]


def test_torch_agrees():
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    outputs, labels = torch.tensor(OUTPUTS), torch.tensor(LABELS)
    pairs = [
        (
            CrossEntropy(label_smoothing=0.1),
            LABELS,
            functional.cross_entropy(outputs, labels, label_smoothing=0.1),
        ),
        (CrossEntropy(), SOFT, functional.cross_entropy(outputs, torch.tensor(SOFT))),
        (BinaryCrossEntropy(), TRUTHS, functional.binary_cross_entropy_with_logits(outputs, torch.tensor(TRUTHS * 1.0))),
        (Huber(0.5), SOFT, functional.huber_loss(outputs, torch.tensor(SOFT), delta=0.5)),
        (MeanSquaredError(), SOFT, functional.mse_loss(outputs, torch.tensor(SOFT))),
    ]
    for loss, targets, expected in pairs:
        assert loss(OUTPUTS, targets)[0] == pytest.approx(float(expected), rel=1e-10), loss


@pytest.mark.parametrize(
    ("loss", "targets", "message"),
    [
        (CrossEntropy(class_weight=[1, 2]), LABELS, r"class_weight: expected \(4,\), one for each class, got \(2,\)"),
        (CrossEntropy(), SOFT[:, :3], "y: expected"),
        (BinaryCrossEntropy(), 2 * TRUTHS, r"y: expected targets in \[0, 1\], got 0 to 2"),
        (BinaryCrossEntropy(), LABELS, r"y: expected \(7, 4\), got \(7,\)"),
        (MeanSquaredError(), SOFT[:3], r"y: expected \(7, 4\), got \(3, 4\)"),
        (MeanSquaredError(), SOFT * np.nan, "y: expected finite numbers, got NaN"),
        (Huber(), SOFT.astype(str), "y: expected real numbers, got dtype"),
    ],
)
def test_targets_that_do_not_fit_are_refused(loss, targets, message):
    with pytest.raises((TypeError, ValueError), match=message):
        loss.check_targets(targets, N, (D,))


def test_truths_and_single_numbers_are_taken_as_they_come():
    assert BinaryCrossEntropy().check_targets(TRUTHS == 1, N, (D,)).tolist() == TRUTHS.tolist()
    assert MeanSquaredError().check_targets(LABELS, N, (1,)).shape == (N, 1)


@pytest.mark.parametrize("options", [{"label_smoothing": 1.0}, {"class_weight": [-1, 1]}, {"class_weight": [[1, 2]]}])
def test_options_that_do_not_fit_are_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        CrossEntropy(**options)
