"""Run the checks of the plugin contract as separate pytest tests."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from stn_numba.testing.case import make_case, run_check
from stn_numba.testing.transforms import CHECKS
from stn_numba.transform.base import Transform

__all__ = ["parametrize_checks"]


def parametrize_checks(
    *makers: Callable[[], Transform],
    theta: Any = None,
    exact_identity: bool = True,
    differentiable: bool = True,
    picklable: bool = True,
    tolerance: float = 1e-6,
    invertible: bool = True,
    fittable: bool = True,
) -> Any:
    """Parametrize a test function over all checks of `check_transform` and all given transforms.

    The function takes an argument ``check`` and calls it.

    Parameters
    ----------
    *makers : callable
        Callables without arguments that return a `Transform`: a class, or a ``functools.partial`` of one with options.
    theta, exact_identity, differentiable, picklable, tolerance, invertible, fittable
        As for `check_transform`.

    Returns
    -------
    pytest.MarkDecorator
        From ``pytest.mark.parametrize``.

    Raises
    ------
    ImportError
        If pytest is not installed.

    Examples
    --------
    >>> from stn_numba import get_transform
    >>> @parametrize_checks(functools.partial(get_transform, "affine"))
    ... def test_contract(check):
    ...     check()
    """
    import pytest

    options = (theta, exact_identity, differentiable, picklable, tolerance, invertible, fittable)
    return pytest.mark.parametrize(
        "check",
        [
            pytest.param(functools.partial(_run, check, maker, options), id=f"{_name(maker)}-{name}")
            for maker in makers
            for name, check in CHECKS.items()
        ],
    )


def _run(check: Callable[[Any], None], maker: Callable[[], Transform], options: tuple[Any, ...]) -> None:
    run_check(check, make_case(maker, *options))


def _name(maker: Any) -> str:
    if isinstance(maker, functools.partial):
        given = [*maker.args, *(f"{name}={value}" for name, value in maker.keywords.items())]
        return "-".join([_name(maker.func), *map(str, given)])
    return str(getattr(maker, "__name__", "transform"))
