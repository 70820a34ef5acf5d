"""Callbacks of `fit`: stop early, write the history to a file or to TensorBoard.

All depend on the history alone, so training that resumes from a checkpoint is logged and stopped as if never interrupted.
"""

from __future__ import annotations

import csv
import io
import json
import os
import time
import weakref
from dataclasses import asdict
from typing import Any

from stn_numba._util.arguments import as_int, as_option, as_path, as_real
from stn_numba._util.files import check_output_path, write_atomically
from stn_numba.nn.model.base import Model
from stn_numba.nn.training.reports.history import COLUMNS, History

__all__ = ["CSVLog", "EarlyStopping", "JSONLinesLog", "TensorBoardLog"]


class EarlyStopping:
    """Stop when a column of the history has not improved for `patience` epochs.

    Parameters
    ----------
    patience : int
        Epochs without a new smallest value, at least 1.
    monitor : str, default "validation_loss"
        Column of the history; the default needs validation data.
    min_delta : float, default 0.0
        How much smaller a value must be to count as an improvement, at least 0.

    Raises
    ------
    TypeError, ValueError
        If an option does not fit; when called, a ValueError if the column is empty.

    Examples
    --------
    >>> from stn_numba.nn.training.reports.history import Epoch
    >>> stop = EarlyStopping(patience=2, monitor="loss")
    >>> history = History([Epoch(n + 1, loss, 0, None, None, 0, 0) for n, loss in enumerate((2.0, 1.0, 1.1, 1.0))])
    >>> stop(None, history)
    True
    """

    def __init__(self, patience: int, monitor: str = "validation_loss", *, min_delta: float = 0.0) -> None:
        self.patience, self.monitor = as_int(patience, "patience", least=1), as_option(monitor, "monitor", COLUMNS)
        self.min_delta = as_real(min_delta, "min_delta", "[0, inf)")

    def __repr__(self) -> str:
        return f"EarlyStopping({self.patience}, {self.monitor!r}, min_delta={self.min_delta})"

    def __call__(self, model: Model | None, history: History) -> bool:
        """Return whether training should stop."""
        best, since = float("inf"), 0
        for value in history.column(self.monitor):
            if value is None:
                raise ValueError(f"EarlyStopping: the column {self.monitor!r} is empty: give fit validation data")
            best, since = (value, 0) if value < best - self.min_delta else (best, since + 1)
        return since >= self.patience


class _FileLog:
    """Replaces a file by the whole history after each epoch, all or nothing."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = check_output_path(as_path(path, "path"))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"

    def __call__(self, model: Model | None, history: History) -> None:
        """Write the file."""
        write_atomically(self.path, self._text(history).encode())

    def _text(self, history: History) -> str:
        raise NotImplementedError


class CSVLog(_FileLog):
    """Write the history to a CSV file, one row per epoch; missing values are empty.

    The file is replaced after each epoch, all or nothing.

    Parameters
    ----------
    path : path
        The file. A FileNotFoundError is raised if its folder does not exist.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from stn_numba.nn.training.reports.history import Epoch
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     CSVLog(Path(folder) / "log.csv")(None, History([Epoch(1, 2.5, 0.5, None, None, 1.0, 0.01)]))
    ...     print((Path(folder) / "log.csv").read_text())
    epoch,loss,error,validation_loss,validation_error,seconds,learning_rate,completed
    1,2.5,0.5,,,1.0,0.01,1.0
    """

    def _text(self, history: History) -> str:
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(epoch) for epoch in history)
        return text.getvalue()


class JSONLinesLog(_FileLog):
    """Write the history to a file of JSON lines, one object per epoch; missing values are null.

    The file is replaced after each epoch, all or nothing.

    Parameters
    ----------
    path : path
        The file. A FileNotFoundError is raised if its folder does not exist.
    """

    def _text(self, history: History) -> str:
        return "".join(json.dumps(asdict(epoch)) + "\n" for epoch in history)


class TensorBoardLog:
    """Write losses, errors and the learning rate of each epoch to a folder for TensorBoard.

    Training that resumes from a checkpoint continues in the same folder.

    Parameters
    ----------
    folder : path
        The folder; it is created if it does not exist.

    Raises
    ------
    ImportError
        If tensorboardX is not installed (extra ``tensorboard``).
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        try:
            from tensorboardX.event_file_writer import EventsWriter
        except ImportError as error:
            raise ImportError("TensorBoardLog needs tensorboardX: pip install stn-numba[tensorboard]") from error
        self.folder = as_path(folder, "folder")
        self.folder.mkdir(parents=True, exist_ok=True)
        # not its SummaryWriter, which writes some time later, from a thread: a killed process would lose epochs
        self._writer: Any = EventsWriter(str(self.folder / "events"))
        weakref.finalize(self, self._writer.close)

    def __repr__(self) -> str:
        return f"TensorBoardLog({str(self.folder)!r})"

    def __call__(self, model: Model | None, history: History) -> None:
        """Write the last epoch."""
        from tensorboardX.proto.event_pb2 import Event
        from tensorboardX.summary import scalar

        values = asdict(history[-1])
        epoch = values.pop("epoch")
        del values["completed"]
        for name, value in values.items():
            if value is not None:
                summary = scalar(name.replace("validation_", "validation/"), value)
                self._writer.write_event(Event(wall_time=time.time(), step=epoch, summary=summary))
        self._writer.flush()
