"""Whether the sources are beside the tests: they are in a checkout, and not where an installed wheel is tested."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

needs_sources = pytest.mark.skipif(
    not (ROOT / "stn_numba").is_dir(), reason="tests of the checkout; here the installed package is tested without its sources"
)
