"""One program for each way of using threads and processes: ``python programs.py NAME [long]``."""

from __future__ import annotations

import gc
import multiprocessing
import os
import sys
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

LONG = sys.argv[2:] == ["long"]


def side_by_side(count, work):
    """Run work(k) on `count` threads; the first error is raised."""
    errors = []

    def guarded(k):
        try:
            work(k)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(k,)) for k in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def forked(count, work):
    """Run work() in forked children; raises unless all of them succeed."""
    children = []
    for _ in range(count):
        pid = os.fork()
        if not pid:
            status = 1
            try:
                work()
                status = 0
            finally:
                sys.stderr.flush()
                os._exit(status)
        children.append(pid)
    statuses = [os.waitpid(pid, 0)[1] for pid in children]
    if any(statuses):
        raise AssertionError(f"children ended with {statuses}")


def many_threads():
    import work

    expected = work.answers()
    side_by_side(16, lambda k: work.check(expected, -(-500 // len(expected)) if LONG else 2, k))


def fork_after_use():
    import work

    expected = work.answers()
    side_by_side(4, lambda k: work.check(expected, 1, k))
    for _ in range(5 if LONG else 1):
        forked(4, lambda: work.check(expected))
        work.check(expected)
    forked(2, lambda: forked(2, lambda: work.check(expected)))


def fork_before_use():
    """A server that is imported, then forked, then used."""
    import work  # makes no call

    def serve():
        expected = work.answers()
        side_by_side(4, lambda k: work.check(expected, 10 if LONG else 1, k))

    forked(4, serve)
    serve()


def fork_while_used():
    """Children are forked while other threads call."""
    import work

    expected = work.answers()
    stop = threading.Event()

    def busy():
        while not stop.is_set():
            work.check(expected)

    others = [threading.Thread(target=busy) for _ in range(4)]
    for other in others:
        other.start()
    try:
        for _ in range(10 if LONG else 2):
            forked(2, lambda: work.check(expected))
    finally:
        stop.set()
        for other in others:
            other.join()


def in_worker(k):
    import work

    expected = work.answers()
    with ThreadPoolExecutor(3) as pool:
        for future in [pool.submit(work.check, expected, 1, k + j) for j in range(3)]:
            future.result()
    return k


def nested_pools():
    """Threads in processes beside threads, for each way of starting processes."""
    import work

    expected = work.answers()
    work.check(expected)
    for method in ("fork", "spawn", "forkserver") if LONG else ("fork", "spawn"):
        with ThreadPoolExecutor(2) as threads:
            beside = threads.submit(work.check, expected, 2)
            context = multiprocessing.get_context(method)
            with ProcessPoolExecutor(2, mp_context=context) as processes:
                assert list(processes.map(in_worker, range(4))) == [0, 1, 2, 3]
            beside.result()


def racing_first_calls():
    """Nothing is compiled yet, and eight threads call the same kernel at once."""
    import work

    start = threading.Barrier(8)
    results = [None] * 8

    def race(k):
        start.wait()
        results[k] = (work.gradients if LONG else work.pooling)(None)

    side_by_side(8, race)
    assert all((result == results[0]).all() for result in results)


def one_kernel():
    """Make a first call; print whether anything was compiled."""
    import work

    (work.gradients if LONG else work.pooling)(None)
    from stn_numba.kernels.runtime import calls, disk_cache

    sources = {kernel.source for kernel in calls.loaded()}
    print("compiled" if "compiled" in sources else "cached", disk_cache.folders().write, sep="\n")


def start_method_stays_free():
    import stn_numba as stn

    assert multiprocessing.get_start_method(allow_none=True) is None
    assert "numba" not in sys.modules
    import work

    work.check(work.answers())
    assert stn.get_num_threads() >= 1
    assert multiprocessing.get_start_method(allow_none=True) is None
    multiprocessing.set_start_method("spawn")


def cgroup_limit():
    """A container with a quota of one CPU runs everything on one thread."""
    from stn_numba.threads import forks, limits

    root, read = Path(os.environ["SIMULATED_ROOT"]), limits.cgroup_quota
    limits.cgroup_quota = lambda: read(root)
    import work

    import stn_numba as stn

    assert stn.get_num_threads() == 1
    work.check(work.answers())
    assert forks.launched_layer() is None


def memory():
    """Calls on short-lived threads leave no memory behind: at most 5 % more after ten times as many calls."""
    import work

    expected = work.answers()
    kinds, first = 4 * len(expected), 1000 if LONG else 100

    def call(count):
        for _ in range(-(-count // kinds)):
            side_by_side(4, lambda k: work.check(expected, 1, k))
        gc.collect()
        return resident()

    before = call(first)
    grown = call(9 * first) - before
    print(f"{before / 1e6:.0f} MB after {first} calls, {grown / 1e6:+.1f} MB after {10 * first}")
    assert grown < 0.05 * before


def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def layer_in_use():
    """Print the threading layer after a call."""
    import work

    work.check(work.answers())
    from stn_numba.threads import forks

    print(forks.launched_layer())


if __name__ == "__main__":
    globals()[sys.argv[1]]()
