"""The turns of training: steps, epochs, and what happens between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba.nn.arrays import Floats
from stn_numba.nn.classifier import Classifier
from stn_numba.nn.inputs.pixel_range import PixelRange
from stn_numba.nn.schedules import Schedule
from stn_numba.nn.training.arguments import check_data
from stn_numba.nn.training.batches import ArrayBatches, Source, epoch_of
from stn_numba.nn.training.checkpointing import Keeper
from stn_numba.nn.training.diagnosis import warn_if_outside
from stn_numba.nn.training.history import Epoch, History
from stn_numba.nn.training.interrupts import Interrupts
from stn_numba.nn.training.progress import Progress
from stn_numba.nn.training.state import Run

__all__ = ["Augment", "Callback", "Loop"]

_LOOKS = 8  # batches an epoch whose pixels are looked at
_LOOKED_AT = 256  # images of the validation data

Augment = Callable[[Floats, np.random.Generator], Floats]
Callback = Callable[[Classifier, History], Any]


@dataclass
class Loop:
    """What `fit` was told, checked; `turn` trains."""

    run: Run
    source: Source
    epochs: int
    rate_at: Schedule
    augment: Augment | None
    validation: tuple[NDArray[Any], NDArray[Any]] | None
    best: str | None
    callbacks: Sequence[Callback]
    keeper: Keeper

    def turn(self, progress: Progress) -> None:
        """Train from where the run is to its end.

        Raises
        ------
        KeyboardInterrupt
            After a SIGINT, when the step is done and the checkpoint is written.
        """
        run = self.run
        progress.update(run.clock.step / len(self.source))
        with Interrupts() as interrupts:
            while not run.finished:
                self._epoch(progress, interrupts)
                progress.end_epoch(run.history[-1])
                # a list: every callback is called, even after one has asked to stop
                asked = any([_asks_to_stop(callback(run.model, run.history)) for callback in self.callbacks])
                run.finished = asked or run.clock.finished() or len(run.history) >= self.epochs
                with run.clock.paused():
                    self.keeper.write(run)
                if interrupts.came:
                    raise KeyboardInterrupt

    def _epoch(self, progress: Progress, interrupts: Interrupts) -> None:
        run, images = self.run, None
        run.begin_epoch()
        run.make_trainable()
        for batch, labels in epoch_of(self.source, run.order, run.position):
            images = self._step(batch, np.asarray(labels))
            progress.update(1 / len(self.source))
            if interrupts.came:
                self.keeper.write(run)
                raise KeyboardInterrupt
            if run.clock.finished():
                break
            self.keeper.write_if_due(run)
        if run.position < len(self.source) and not run.clock.finished():
            raise ValueError(f"X: the stream has a length of {len(self.source)} batches, but yielded {run.position}")
        scores: tuple[float, float] | None = None
        with run.clock.paused():
            if images is not None:
                run.step.expect_finite_parameters(images, f"epoch {len(run.history) + 1}, after its last step")
                run.warned = run.warned or warn_if_outside(run.model.network, images)
            if self.validation is not None:
                scores = run.model.evaluate(*self.validation)
        held_out = scores or (None, None)
        number, seconds, completed = len(run.history) + 1, run.clock.seconds(), run.position / len(self.source)
        run.end_epoch(Epoch(number, *run.mean.values(), held_out[0], held_out[1], seconds, run.rate, completed))
        if self.best is not None:
            run.keep_best(self.best)

    def _step(self, batch: NDArray[Any], labels: NDArray[Any]) -> Floats:
        """Learn from a batch; return its images as the model saw them."""
        run = self.run
        if not isinstance(self.source, ArrayBatches):
            name = f"batch {run.position + 1} of epoch {len(run.history) + 1}: "
            batch, labels = check_data(run.model, batch, labels, free_size=self.augment is not None, name=name)
        images: Floats = np.asarray(batch, run.model.dtype)
        kind = batch.dtype.kind if self.augment is None else images.dtype.kind
        if self.augment is not None:
            if np.may_share_memory(images, batch) and not isinstance(self.source, ArrayBatches):
                images = images.copy()  # the stream's own, which `augment` may write to
            images = self._augmented(images)
        run.rate = self.rate_at(run.clock.progress())
        place = f"epoch {len(run.history) + 1}, step {run.clock.step + 1}"
        run.mean.add(len(images), *run.step(images, labels, run.noise, run.rate, place))
        if run.position % max(1, len(self.source) // _LOOKS) == 0:
            self._look_at_pixels(images, kind)
        run.clock.step += 1
        run.position += 1
        return images

    def _look_at_pixels(self, images: Floats, kind: str) -> None:
        """Let the model remember the range of the images; at the first look, see that other images are on the same scale."""
        model, pixels = self.run.model, PixelRange.of(images, kind)
        if pixels is None:
            return
        if self.run.clock.step:
            model.pixels = pixels if model.pixels is None else model.pixels.joined(pixels)
            return
        model.warn_if_on_another_scale(images, name="images in training")
        model.trained_on(pixels)
        if self.validation is not None:
            model.warn_if_on_another_scale(self.validation[0][:_LOOKED_AT], name="validation X")

    def _augmented(self, images: Floats) -> Floats:
        """Distort a batch on one Numba thread: idle ones would spin and slow the convolutions that follow."""
        from stn_numba.kernels.runtime import dispatch

        assert self.augment is not None
        with dispatch.limited(1):
            result = self.run.model.check_images(self.augment(images, self.run.distortion), name="augment's images")
        if len(result) != len(images):
            raise ValueError(f"augment: expected {len(images)} images, as many as it was given, got {len(result)}")
        return result


def _asks_to_stop(answer: Any) -> bool:
    """Whether a callback returned True, Python's or NumPy's; anything else, as a figure's artists, asks for nothing."""
    return isinstance(answer, bool | np.bool_) and bool(answer)
