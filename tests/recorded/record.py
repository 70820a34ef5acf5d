"""Record the results of `tests.recorded.cases` on this machine: ``python -m tests.recorded.record``.

Only for a change of results that is meant: the record is what holds them fast.
"""

import hashlib
import json
import tempfile
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from stn_numba import nn
from stn_numba.nn.kernels import cpu
from tests.recorded import cases

PAGE = Path(__file__).with_name("recorded.json")
OPTIMIZERS = {"sgd": nn.SGD, "adam": nn.Adam, "muon": nn.Muon}


def digest(arrays):
    """Twelve digits that stand for dtype, shape and bits of arrays."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(f"{array.dtype} {array.shape}".encode() + np.ascontiguousarray(array).tobytes())
    return found.hexdigest()[:12]


def blas():
    """The CPU for which BLAS has its kernels: what the bits of gradients by matrices and coefficients depend on."""
    import scipy.linalg.blas  # noqa: F401
    from threadpoolctl import threadpool_info

    return ", ".join(sorted({each.get("architecture") or "?" for each in threadpool_info() if each["user_api"] == "blas"}))


def machine():
    """What the bits of a training depend on: the width of vectors, and BLAS."""
    return f"{cpu.vector_bytes()} bytes, {blas()}"


def trained(name):
    """(digest of parameters and checkpoint, logits of some images) after twenty steps."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "checkpoint")
        model = cases.training(OPTIMIZERS[name](), path)
        stored = load_file(path)
    logits = model.logits(cases.numbers(4, 16, 16, 1, seed=9).astype(np.float32))
    tensors = [*model.params.values(), *(tensor for tensor in stored.values() if tensor.size > 2)]  # no seconds of two epochs
    return "-".join(sorted({digest([tensor])[:4] for tensor in tensors})), logits


if __name__ == "__main__":
    record = json.loads(PAGE.read_text()) if PAGE.exists() else {"gradients": {}, "training": {}}
    record["warps"] = {name: digest(arrays) for name, arrays in cases.warps()}
    record["gradients"][blas()] = {name: digest(arrays) for name, arrays in cases.gradients()}
    record["training"][machine()] = {name: trained(name)[0] for name in OPTIMIZERS}
    record["logits"] = {name: trained(name)[1].tolist() for name in OPTIMIZERS}
    PAGE.write_text(json.dumps(record, indent=1) + "\n")
