"""Searches and cross-validation in several processes, which must not use more threads than there are cores."""

import threading
from pathlib import Path

import joblib
import numpy as np
import pytest
from joblib.externals.loky import get_reusable_executor
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_info

import stn_numba as stn
from stn_numba.sklearn import SpatialTransformerClassifier, SpatialTransformerRegressor, WarpTransformer

TASKS = Path("/proc/self/task")


@pytest.fixture(scope="module", autouse=True)
def workers():
    """End the workers of joblib, which would else stay for minutes."""
    yield
    get_reusable_executor().shutdown(wait=True, kill_workers=True)


def test_a_grid_search_over_a_pipeline(bars):
    images, y = bars
    steps = [
        ("augment", WarpTransformer("translation", random_state=0)),
        ("network", SpatialTransformerClassifier(random_state=0)),
    ]
    grid = {"augment__spread": [0.0, 0.05], "network__warp": ["translation", "affine"], "network__epochs": [10]}
    search = GridSearchCV(Pipeline(steps), grid, cv=2, n_jobs=2, error_score="raise").fit(images, y)
    assert search.best_score_ > 0.8
    assert search.best_estimator_["network"].theta(images).shape[1] in (2, 6)
    alone = GridSearchCV(Pipeline(steps), grid, cv=2, error_score="raise").fit(images, y)
    assert np.array_equal(search.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"])


def test_cross_validation(bars):
    images, _ = bars
    y = images.argmax(axis=2).mean(axis=1)
    for kind, targets in ((SpatialTransformerClassifier, bars[1]), (SpatialTransformerRegressor, y)):
        estimator = kind(epochs=10, random_state=0)
        scores = cross_val_score(estimator, images.reshape(120, 64), targets, cv=2, n_jobs=2, error_score="raise")
        assert np.array_equal(scores, cross_val_score(estimator, images, targets, cv=2, error_score="raise"))


def busy_threads():
    """How many threads of this process have computed, for more than 5 ticks of a hundredth of a second."""
    times = []
    for task in TASKS.iterdir():
        fields = (task / "stat").read_text().rpartition(")")[2].split()
        times.append(int(fields[11]) + int(fields[12]))
    return sum(time > 5 for time in times)


def count(estimator, X, y):
    """Scores that are numbers of threads after a training."""
    estimator.predict(X)
    return {
        "allowed": stn.get_num_threads(),
        "blas": max(each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"),
        "own": sum(thread.name.startswith("stn_numba-") for thread in threading.enumerate()),
        "busy": busy_threads(),
    }


def threads_of_workers():
    """The largest of these numbers in two workers, which train with all kinds of `n_jobs`."""
    X = np.random.default_rng(0).random((256, 28, 28), np.float32)
    grid = {"n_jobs": [None, -1, 4]}
    estimator = SpatialTransformerClassifier(epochs=4)
    search = GridSearchCV(estimator, grid, cv=2, n_jobs=2, refit=False, scoring=count, error_score="raise")
    results = search.fit(X, np.arange(256) % 2).cv_results_
    return {name: max(results[f"split{k}_test_{name}"].max() for k in (0, 1)) for name in ("allowed", "blas", "own", "busy")}


@pytest.mark.skipif(not TASKS.exists(), reason="threads are counted in Linux's /proc")
def test_two_jobs_times_blas_times_numba_are_not_more_than_the_cores():
    share = max(1, joblib.cpu_count() // 2)
    numbers = threads_of_workers()
    assert numbers["allowed"] <= share
    assert numbers["blas"] <= share
    assert numbers["own"] <= share - 1
    assert numbers["busy"] <= share


@pytest.mark.skipif(not TASKS.exists() or stn.get_num_threads() < 2, reason="needs Linux's /proc and two cores")
def test_threads_that_workers_are_allowed_are_seen_by_the_test_above():
    with joblib.parallel_config(backend="loky", inner_max_num_threads=2):
        numbers = threads_of_workers()
    assert numbers["allowed"] == 2
    assert numbers["own"] >= 1
    assert numbers["busy"] >= 2
