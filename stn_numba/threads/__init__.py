"""How many threads a call uses, for whole programs, blocks of code and machines; nothing here needs Numba.

From the strongest to the weakest: ``num_threads=`` of a call, `limit_threads` around it, `set_num_threads`,
``STN_NUMBA_NUM_THREADS``, and what the machine allows: the smallest of CPU affinity, cgroup quota, Numba's ceiling
(``NUMBA_NUM_THREADS``) and ``OMP_NUM_THREADS``. Calls side by side share that number. Results are the same, bit for bit,
whatever the number.
"""

from stn_numba.threads.counts import get_num_threads, limit_threads, set_num_threads
from stn_numba.threads.forks import SerialWarning

__all__ = ["SerialWarning", "get_num_threads", "limit_threads", "set_num_threads"]
