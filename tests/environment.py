"""Environment variables of this process, as they were."""

import os
from contextlib import contextmanager


@contextmanager
def unchanged():
    """Put environment variables back at the end; yield a function that does so earlier.

    Dask sets OMP_NUM_THREADS and others in the process that starts workers, which would slow or change tests that come later.
    """
    before = dict(os.environ)

    def restore():
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)

    try:
        yield restore
    finally:
        restore()
