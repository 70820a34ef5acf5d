"""Leave out the examples of modules whose library is not installed."""

import importlib.util

collect_ignore_glob = [] if importlib.util.find_spec("torch") else ["stn_numba/torch*"]
