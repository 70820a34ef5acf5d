"""Set the number of threads, for a whole program or a block of code. Nothing here imports Numba.

The first of these that is set decides: ``num_threads=`` of a call, `limit_threads` around it, `set_num_threads`,
``STN_NUMBA_NUM_THREADS``. Otherwise it is the smallest of CPU affinity, cgroup quota, Numba's ceiling (``NUMBA_NUM_THREADS``)
and ``OMP_NUM_THREADS``. Concurrent calls share that number. Results are bit-identical for any number of threads.
"""

from stn_numba.threads.counts import get_num_threads, limit_threads, set_num_threads
from stn_numba.threads.forks import SerialWarning

__all__ = ["SerialWarning", "get_num_threads", "limit_threads", "set_num_threads"]
