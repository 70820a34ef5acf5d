"""Leave out the examples of modules whose library is not installed."""

import importlib.util

NEEDED = {"stn_numba/dask*": "distributed", "stn_numba/torch*": "torch", "stn_numba/notebook*": "ipywidgets"}
collect_ignore_glob = [folder for folder, library in NEEDED.items() if not importlib.util.find_spec(library)]
