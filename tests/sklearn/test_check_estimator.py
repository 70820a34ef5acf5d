"""scikit-learn's own checks of estimators: all of them, with no expected failures."""

import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

from stn_numba.sklearn import SpatialTransformerClassifier, SpatialTransformerRegressor, WarpTransformer

QUICK = [SpatialTransformerClassifier(epochs=10), SpatialTransformerRegressor(epochs=10), WarpTransformer()]
# Checks that a result is good, or the same after another training: they run with the default number of epochs as well.
LEARNING = (
    "check_classifiers_train",
    "check_class_weight_classifiers",
    "check_regressors_train",
    "check_sample_weight_equivalence_on_dense_data",
)


@parametrize_with_checks(QUICK)
def test_checks_of_scikit_learn(estimator, check, monkeypatch):
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")  # without it scikit-learn skips a check
    check(estimator)


def learning_checks():
    for kind in (SpatialTransformerClassifier, SpatialTransformerRegressor):
        for estimator, check in estimator_checks_generator(kind()):
            if check.func.__name__ in LEARNING and not check.keywords:
                yield pytest.param(estimator, check, id=f"{kind.__name__}-{check.func.__name__}")


@pytest.mark.parametrize(("estimator", "check"), list(learning_checks()))
def test_checks_of_learning_with_the_default_options(estimator, check):
    check(estimator)
