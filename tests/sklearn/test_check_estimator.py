"""scikit-learn's own checks of estimators."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from stn_numba.sklearn import SpatialTransformerClassifier, SpatialTransformerRegressor, WarpTransformer


@parametrize_with_checks([SpatialTransformerClassifier(), SpatialTransformerRegressor(), WarpTransformer()])
def test_checks_of_scikit_learn(estimator, check):
    check(estimator)
