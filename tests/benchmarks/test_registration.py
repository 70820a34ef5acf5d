"""The registration benchmark: its pairs show what their truth says, and its marks count what they claim."""

import numpy as np
import pytest
from scipy import ndimage

from benchmarks import timing
from benchmarks.case import Call
from benchmarks.registration import case as case
from benchmarks.registration import page as page
from benchmarks.registration import problem as problem


@pytest.fixture(autouse=True)
def photo(monkeypatch):
    """A smooth photo, so that resampling it has no error that counts."""
    levels = ndimage.gaussian_filter(np.random.default_rng(0).random((160, 160)), 3)
    levels = np.interp(levels, (levels.min(), levels.max()), (problem.LOWEST, problem.HIGHEST))
    monkeypatch.setattr(problem, "_photo", lambda name: levels)


PAIRS = [problem.affine, problem.homography, problem.similarity, problem.fish_eye, problem.thin_plate, problem.smooth_field]


@pytest.mark.parametrize("make", PAIRS)
def test_moving_read_at_the_true_positions_is_fixed(make):
    moving, fixed, truth = make(3, size=96, noise=0)
    points = problem._pixels(truth.shape)
    positions = truth(points)
    seen = ndimage.map_coordinates(moving.astype(np.float64), positions.T[::-1], mode="mirror")
    inside = np.all((positions >= 8) & (positions <= 87), axis=1)
    expected = problem.GAIN * seen + problem.BIAS
    assert inside.mean() > 0.5
    assert np.abs(positions - points).max() > 1
    np.testing.assert_allclose(fixed.ravel()[inside], expected[inside], atol=0.3)


def test_noise_and_light_change_what_they_name():
    plain = problem.affine(0, 64, noise=0, gain=1, bias=0)
    lit = problem.affine(0, 64, noise=0)
    noisy = problem.affine(0, 64, moving_noise=2.0)
    np.testing.assert_allclose(lit.fixed, 1.3 * plain.fixed + 20, atol=1e-3)
    np.testing.assert_array_equal(lit.moving, plain.moving)
    assert 1.5 < np.std(noisy.fixed - lit.fixed) < 2.5
    assert 1.5 < np.std(noisy.moving - lit.moving) < 2.5
    assert all(image.min() >= 0 and image.max() <= 255 for image in (*noisy[:2], *lit[:2]))


def test_homographies_move_the_corners_and_affine_maps_nearly():
    corners = problem.corners((64, 64))
    moves = np.random.default_rng(5).uniform(-12, 12, (4, 2))
    np.testing.assert_allclose(problem.homography(5, 64).truth(corners), corners + moves, atol=1e-9)
    rest = problem.affine(5, 64).truth(corners) - corners - moves
    np.testing.assert_allclose(rest.sum(axis=0), 0, atol=1e-9)


def test_three_corners_of_a_large_affine_map_move_and_the_fourth_follows():
    corners = problem.corners((64, 64))
    moves = problem.large_affine(5, 64, 12, exactly=True).truth(corners) - corners
    np.testing.assert_allclose(np.abs(moves[:3]), 12, atol=1e-9)
    np.testing.assert_allclose(moves[3], moves[1] + moves[2] - moves[0], atol=1e-9)
    assert np.abs(problem.large_affine(5, 64, 12).truth(corners) - corners)[:3].max() <= 12


def test_an_inverted_ramped_or_covered_image_keeps_its_truth():
    for make in (problem.ramp, problem.inverted, problem.covered):
        pair = make(1, 64)
        np.testing.assert_array_equal(pair.truth(pair.truth.points), problem.affine(1, 64).truth(pair.truth.points))
    plain, covered = problem.affine(1, 64), problem.covered(1, 64)
    assert np.mean(plain.fixed != covered.fixed) == pytest.approx(0.25, abs=0.01)


def test_frames_drift_by_their_shifts():
    frames, shifts = problem.drift(0, 64, 4, noise=0)
    shifted = ndimage.shift(frames[0].astype(np.float64), shifts[3][::-1], mode="mirror")
    np.testing.assert_allclose(shifted[16:48, 16:48], frames[3][16:48, 16:48], atol=0.3)


def test_errors_are_distances_in_pixels():
    truth = problem.Truth(lambda points: points + 2, (5, 9))
    assert truth.error(lambda points: points + np.array([5, 6])) == pytest.approx(5)
    assert truth.error(lambda points: points * np.nan) == np.inf
    assert truth.normalized_error(lambda points: points + np.array([2 / 4, 2 / 2])) == pytest.approx(0)


def answers(*offsets, success=True):
    return lambda found: [case.Answer(lambda points, each=each: points + each, success) for each in offsets]


@pytest.fixture
def measure(monkeypatch):
    """Measure a case on two pairs that show no motion; our call is off by the given offsets in x and in y."""
    monkeypatch.setattr(timing, "alternate", lambda calls, seconds: [2.0, 1.0][: len(calls)])
    truth = problem.Truth(lambda points: points, (4, 4))
    task = case.RegistrationTask("affine", [problem.Pair(None, None, truth)] * 2)

    def measure(*limits, ours, success=True):
        mine = Call("stn-numba", lambda: None, answers(*ours, success=success), steps=2)
        rival = Call("rival", lambda: None, answers(0.1, 0.1), steps=2)
        return case.RegistrationCase("a case", lambda: task, lambda task: mine, lambda task: [rival], limits).measure(1.0)

    return measure


def test_marks_compare_time_and_error(measure):
    limits = [
        case.faster_than("rival"),
        case.more_accurate_than("rival", 0.5),
        case.error_at_most(0.1),
        case.seconds_at_most(1),
    ]
    marks = measure(*limits, ours=(0.05, 0.0)).marks
    root = 2**0.5
    assert [mark.figure for mark in marks] == pytest.approx([0.5, 0.25, 0.025 * root, 1.0])
    assert [mark.met for mark in marks] == [False, True, True, True]
    assert marks[0].name == "a case: time of rival / ours"


@pytest.mark.parametrize(("success", "met"), [(True, False), (False, False)])
def test_success_must_be_right_for_every_result(measure, success, met):
    (mark,) = measure(case.honest(), ours=(0.0, 5.0), success=success).marks
    assert mark.figure == 1
    assert mark.met is met


def test_a_library_that_finds_nothing_has_no_error(measure):
    result = measure(case.more_accurate_than("rival"), case.right_at_least(1), ours=(np.nan, 0.0))
    assert result.figures["error"] is None
    assert [mark.met for mark in result.marks] == [False, True]
    assert "| none |" in page.table([result.as_json()])


def test_a_rival_that_is_not_installed_misses_its_mark(measure):
    limits = [case.faster_than("another"), case.more_accurate_than("another"), case.at_most_times("another", 2)]
    assert [mark.figure for mark in measure(*limits, ours=(0.0, 0.0)).marks] == [None, None, None]


def test_a_table_row_shows_time_error_and_counts(measure):
    lines = page.table([measure(ours=(0.0, 5.0)).as_json()]).splitlines()
    assert lines[2] == "| a case, 2 pairs | stn-numba | 1.00 s | **1.00** | 3.54 | 3.54 | 7.07 | 1 of 2 | 1 | 0 |"
    assert lines[3].startswith("|  | rival | 500 ms | **0.50** | 0.14 | 0.14 | 0.14 | 2 of 2 |")


def test_the_time_of_another_model_is_a_row_with_its_own_truth(monkeypatch):
    monkeypatch.setattr(timing, "alternate", lambda calls, seconds: [2.0, 1.0, 1.0][: len(calls)])
    still, moved = (problem.Truth(lambda points, move=move: points + move, (4, 4)) for move in (0, 3))

    def ours(task):
        move = 3 if task.transform == "affine" else 0
        return Call("stn-numba", lambda: None, answers(move))

    tasks = [
        case.RegistrationTask(name, [problem.Pair(None, None, truth)]) for name, truth in (("b", still), ("affine", moved))
    ]
    limits = [case.at_most_times("stn-numba, affine", 1.5)]
    made = case.RegistrationCase("a case", lambda: tasks[0], ours, lambda task: [], limits, beside=lambda: tasks[1])
    result = made.measure(1)
    assert [row["name"] for row in result.figures["rows"]] == ["stn-numba", "stn-numba, affine"]
    assert [row["error"] for row in result.figures["rows"]] == [0, 0]
    assert result.marks[0].figure == 2


def test_slow_rivals_are_timed_once_unless_a_mark_needs_them(monkeypatch):
    timed = []
    monkeypatch.setattr(timing, "alternate", lambda calls, seconds: timed.append(len(calls)) or [1.0] * len(calls))
    monkeypatch.setattr(case, "ONCE", 0.0)
    truth = problem.Truth(lambda points: points, (4, 4))
    task = case.RegistrationTask("affine", [problem.Pair(None, None, truth)])
    calls = [Call(name, lambda: None, answers(0)) for name in ("ours", "one", "two")]
    made = case.RegistrationCase("a case", lambda: task, lambda task: calls[0], lambda task: calls[1:], against=["two"])
    assert [row["in_turn"] for row in made.measure(1).figures["rows"]] == [True, False, True]
    assert timed == [2]
