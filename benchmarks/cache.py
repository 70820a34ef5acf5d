"""Size of the compiled kernels on disk: ``python -m benchmarks.cache`` after the tests; it fails beyond the limit."""

from __future__ import annotations

import sys

from stn_numba.deploy.installation import cache

LIMIT = 100.0  # MB


def main() -> int:
    found = cache()
    size = found["bytes"] / 1e6
    print(f"{found['kernels']} kernels, {size:.1f} MB of at most {LIMIT:.0f} MB, in {found['write'] or 'no folder'}")
    return int(size > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
