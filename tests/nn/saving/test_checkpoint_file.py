"""Checkpoint files."""

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.nn import StorageError
from stn_numba.nn.saving.checkpoint_file import read_checkpoint, write_checkpoint


def test_damaged_and_other_files_are_refused(tmp_path):
    path = tmp_path / "run.checkpoint"
    write_checkpoint(path, {"params": {"weight": np.ones(50)}})
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    with pytest.raises(StorageError, match="changed or damaged"):
        read_checkpoint(path)
    path.write_bytes(content[:40])
    with pytest.raises(StorageError, match="not a whole safetensors file"):
        read_checkpoint(path)
    stn.save(stn.models.fcn((12, 12, 1), units=4), path)
    with pytest.raises(StorageError, match="holds no checkpoint"):
        read_checkpoint(path)
