"""Registration: the cases and their marks, and our call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

import stn_numba as stn
from benchmarks import rivals
from benchmarks.case import Call
from benchmarks.registration import problem as problem
from benchmarks.registration import volumes
from benchmarks.registration.case import (
    Answer,
    Limit,
    RegistrationCase,
    RegistrationTask,
    at_most_times,
    error_at_most,
    every_error_below,
    faster_than,
    honest,
    more_accurate_than,
    right_at_least,
    seconds_at_most,
)
from stn_numba.transform import Transform

RUNS, CAPTURE_RUNS = 8, 12
ECC = "OpenCV, ECC multi-scale 0.0001"
FRAME_ECC = ("OpenCV, ECC 0.001", "OpenCV, ECC 0.001, warm")
AFFINE_BESIDE = "stn-numba, affine"
# Photos that are sharp at 512 x 512: the others are enlarged, and noise allows no error as small as the mark.
SHARP_PHOTOS = ("camera", "astronaut", "gravel", "brick", "immunohistochemistry", "grass")
BENDING = 1e-3


class FishEye(Transform):
    """Radius r is read at r + k r^3; k = theta. A transform from outside, as plugins/README.md writes it."""

    n_params = 1

    def identity(self):
        return np.zeros(1)

    def apply(self, theta, points):
        return self.apply_vjp(np.asarray(theta), np.asarray(points))[0]

    def apply_vjp(self, theta, points):
        cubic = points * np.sum(points**2, axis=-1, keepdims=True)

        def backprop(d_mapped):
            return np.sum(d_mapped * cubic, axis=(1, 2))[:, None]

        return points + theta[:, None] * cubic, backprop


def our_call(task: RegistrationTask, name: str = "stn-numba", **options: Any) -> Call:
    """Return the call of `register`, or of `register_stack`, as a user writes it."""
    if task.stack:
        frames = np.stack([pair.moving for pair in task.pairs])
        return Call(
            name,
            lambda: stn.register_stack(frames, reference="first", transform=task.transform),
            lambda result: [_answer(result, pair, k) for k, pair in enumerate(task.pairs)],
            steps=len(frames),
        )
    return Call(
        name,
        lambda: [stn.register(pair.moving, pair.fixed, transform=task.transform, **options) for pair in task.pairs],
        lambda results: [_answer(result, pair) for result, pair in zip(results, task.pairs, strict=True)],
        steps=len(task.pairs),
    )


def _answer(result: Any, pair: problem.Pair, k: int = 0) -> Answer:
    """Return the answer of a result's row k."""

    def apply(points: problem.Points) -> problem.Points:
        return np.reshape(result.apply(points), (-1, *points.shape))[k]

    return Answer(pair.truth.pixel_mapping(apply), bool(np.atleast_1d(result.success)[k]))


def _task(
    make: Callable[..., problem.Pair],
    transform: Any,
    runs: int = RUNS,
    slow: bool = False,
    photos: Sequence[str | None] = (None,),
    **options: Any,
) -> RegistrationTask:
    pairs = [make(seed, photo=photos[seed % len(photos)], **options) for seed in range(runs)]
    return RegistrationTask(transform, pairs, slow=slow)


def _drift() -> RegistrationTask:
    """Each frame against the first one."""
    frames, shifts = problem.drift()
    truths = [problem.Truth(lambda points, shift=shift: points + shift, frames[0].shape) for shift in shifts]
    pairs = [problem.Pair(frame, frames[0], truth) for frame, truth in zip(frames, truths, strict=True)]
    return RegistrationTask("translation", pairs, stack=True, slow=True)


def _case(
    name: str,
    make: Callable[[], RegistrationTask],
    limits: Sequence[Limit],
    against: Sequence[str] = (),
    beside: Callable[[], RegistrationTask] | None = None,
    **options: Any,
) -> RegistrationCase:
    return RegistrationCase(name, make, partial(our_call, **options), rivals.calls, [*limits, honest()], against, beside)


def _against_ecc(name: str, make: Callable[..., problem.Pair], transform: str, **options: Any) -> RegistrationCase:
    limits = (faster_than(ECC), more_accurate_than(ECC, 0.5))
    return _case(name, partial(_task, make, transform, **options), limits, [ECC])


MATRICES = [
    _against_ecc("affine, 512x512", problem.affine, "affine", slow=True),
    _against_ecc("affine, 1024x1024", problem.affine, "affine", size=1024),
    _against_ecc("homography, 512x512", problem.homography, "projective"),
    _against_ecc("homography, 1024x1024", problem.homography, "projective", size=1024),
    _case("affine, 512x512, noise on both", partial(_task, problem.affine, "affine", moving_noise=problem.NOISE), ()),
    _case(
        "affine, 512x512, cubic splines",
        partial(_task, problem.affine, "affine", photos=SHARP_PHOTOS),
        (error_at_most(0.002), faster_than("pystackreg", 2)),
        ["pystackreg"],
        kernel="cubic",
    ),
]


def _capture(jitter: int, exactly: bool, limits: Sequence[Limit]) -> RegistrationCase:
    name = f"affine, three corners moved by {'' if exactly else 'up to '}{jitter}"
    make = partial(_task, problem.large_affine, "affine", runs=CAPTURE_RUNS, jitter=jitter, exactly=exactly)
    return _case(name, make, limits, search=True)


CAPTURE = [
    *[
        _capture(jitter, False, (right_at_least(right), seconds_at_most(0.15)))
        for jitter, right in {32: 12, 48: 12, 64: 11, 96: 10}.items()
    ],
    *[_capture(jitter, True, ()) for jitter in (48, 96)],
]

LIGHT = [
    _case(name, partial(_task, make, "affine"), (every_error_below(0.1),), **options)
    for name, make, options in (
        ("a ramp of brightness", problem.ramp, {"normalize": "local"}),
        ("inverted contrast", problem.inverted, {}),
        ("25 % covered", problem.covered, {"robust": "tukey"}),
    )
]

STACKS = [
    _case(
        "drift, 40 frames of 256x256",
        _drift,
        [limit(name) for name in FRAME_ECC for limit in (faster_than, more_accurate_than)],
        FRAME_ECC,
    )
]

FREE_FORM = [
    _case(
        "thin-plate spline, 4x4 points",
        partial(_task, problem.thin_plate, "tps", slow=True),
        (error_at_most(0.1), seconds_at_most(0.3)),
        options={"control_points": (4, 4)},
    ),
    _case(
        "smooth random field, B-spline of 8x8 points",
        partial(_task, problem.smooth_field, "bspline", slow=True),
        (error_at_most(0.4), seconds_at_most(0.5)),
        options={"control_points": (8, 8)},
        penalty=BENDING,
    ),
]

OTHERS = [
    _case(
        "similarity, 512x512",
        partial(_task, problem.similarity, "similarity", slow=True),
        (error_at_most(0.1), at_most_times(AFFINE_BESIDE, 2)),
        beside=partial(_task, problem.affine, "affine"),
    ),
    _case(
        "fish-eye from outside, 512x512",
        partial(_task, problem.fish_eye, FishEye()),
        (error_at_most(0.1), at_most_times(AFFINE_BESIDE, 10)),
        beside=partial(_task, problem.affine, "affine"),
    ),
]

VOLUMES = [
    _case(
        "affine, 128x128x128",
        partial(_task, volumes.affine, stn.get_transform("affine", ndim=3), runs=2),
        (error_at_most(0.05), every_error_below(0.05)),
    ),
    _case(
        "B-spline of 8x8x8 points, 128x128x128",
        partial(_task, volumes.bspline, stn.get_transform("bspline", control_points=(8, 8, 8)), runs=1),
        (error_at_most(0.05),),
    ),
]

CASES = [*MATRICES, *CAPTURE, *LIGHT, *STACKS, *FREE_FORM, *OTHERS]
