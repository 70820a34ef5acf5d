"""The training loop: epochs, the steps in them, and what happens between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba.nn.arrays import Floats
from stn_numba.nn.inputs.pixel_range import PixelRange
from stn_numba.nn.inputs.weights import expect_weights
from stn_numba.nn.losses.base import Loss, Targets
from stn_numba.nn.model.base import Model
from stn_numba.nn.schedules import Schedule
from stn_numba.nn.training.argument_checks import check_data
from stn_numba.nn.training.batches import ArrayBatches, Batches, draw_epoch
from stn_numba.nn.training.checkpointing import Checkpointer
from stn_numba.nn.training.diagnostics import warn_if_outside
from stn_numba.nn.training.interrupts import Interrupts
from stn_numba.nn.training.reports.history import Epoch, History
from stn_numba.nn.training.reports.progress import Progress
from stn_numba.nn.training.state import TrainingState
from stn_numba.nn.training.writable_parameters import ensure_writable

__all__ = ["Augment", "Callback", "Loop"]

_PIXEL_CHECKS = 8  # batches an epoch whose range of pixels is noted
_VALIDATION_IMAGES_CHECKED = 256

Augment = Callable[[Floats, np.random.Generator], Floats]
Callback = Callable[[Model, History], Any]


@dataclass
class Loop:
    """The checked arguments of `fit`; `run` trains."""

    state: TrainingState
    batches: Batches
    epochs: int
    learning_rate_at: Schedule
    loss_at: Callable[[float], Loss]
    augment: Augment | None
    validation: tuple[NDArray[Any], Targets] | None
    validation_loss: Loss
    restore_best: str | None
    callbacks: Sequence[Callback]
    checkpointer: Checkpointer

    def run(self, progress: Progress) -> None:
        """Train from the current state to the end; a KeyboardInterrupt comes when the step is done and the file written."""
        state = self.state
        progress.update(state.clock.step / len(self.batches))
        with Interrupts() as interrupts:
            while not state.finished:
                self._run_epoch(progress, interrupts)
                progress.end_epoch(state.history[-1], in_percent=state.history.in_percent)
                # a list: every callback is called, even after one has asked to stop
                stop = any([_asks_to_stop(callback(state.model, state.history)) for callback in self.callbacks])
                state.finished = stop or state.clock.finished() or len(state.history) >= self.epochs
                with state.clock.paused():
                    self.checkpointer.write(state)
                if interrupts.came:
                    raise KeyboardInterrupt

    def _run_epoch(self, progress: Progress, interrupts: Interrupts) -> None:
        state, images = self.state, None
        state.order.bit_generator.state = state.order_before  # a resumed epoch is drawn again, without what is done
        ensure_writable(state.model)
        for batch in draw_epoch(self.batches, state.order, state.position):
            images = self._train_on(*batch)
            progress.update(1 / len(self.batches))
            if interrupts.came:
                self.checkpointer.write(state)
                raise KeyboardInterrupt
            if state.clock.finished():
                break
            self.checkpointer.write_if_due(state)
        if state.position < len(self.batches) and not state.clock.finished():
            raise ValueError(f"X: the stream has a length of {len(self.batches)} batches, but yielded {state.position}")
        self._end_epoch(images)

    def _end_epoch(self, images: Floats | None) -> None:
        """Check the model, evaluate it and note the results; `images` are those of the last step, None if there was none."""
        state, number = self.state, len(self.state.history) + 1
        loss = error = None
        with state.clock.paused():
            if images is not None:
                state.step.expect_finite_parameters(images, f"epoch {number}, after its last step")
                state.warned = state.warned or warn_if_outside(state.model.network, images)
            if self.validation is not None:
                loss, error = state.model.evaluate(*self.validation, loss=self.validation_loss)
        seconds, completed = state.clock.seconds(), state.position / len(self.batches)
        state.end_epoch(Epoch(number, *state.mean.values(), loss, error, seconds, state.learning_rate, completed))
        if self.restore_best is not None:
            state.keep_best(self.restore_best)

    def _train_on(self, batch: NDArray[Any], targets: Targets, sample_weight: Any) -> Floats:
        """Train on a batch; return its images as the network got them."""
        state, streamed = self.state, not isinstance(self.batches, ArrayBatches)
        if streamed:
            name, free = f"batch {state.position + 1} of epoch {len(state.history) + 1}: ", self.augment is not None
            batch, targets = check_data(state.model, state.step.loss, batch, targets, free_size=free, name=name)
            if sample_weight is not None:
                sample_weight = expect_weights(sample_weight, f"{name}sample_weight", len(batch))
        images: Floats = np.asarray(batch, state.model.dtype)
        kind = batch.dtype.kind
        if self.augment is not None:
            if streamed and np.may_share_memory(images, batch):
                images = images.copy()  # `augment` may write to them, and they belong to the stream
            kind, images = "f", self._augmented(images, self.augment)
        progress = state.clock.progress()
        state.learning_rate, state.step.loss = self.learning_rate_at(progress), self.loss_at(progress)
        place = f"epoch {len(state.history) + 1}, step {state.clock.step + 1}"
        loss, error = state.step(images, targets, state.noise, state.learning_rate, place, sample_weight)
        state.mean.add(len(images), loss, error)
        if state.position % max(1, len(self.batches) // _PIXEL_CHECKS) == 0:
            self._note_pixel_range(images, kind)
        state.clock.step += 1
        state.position += 1
        return images

    def _note_pixel_range(self, images: Floats, kind: str) -> None:
        """Tell the model the range of the images; at the first step, warn if earlier or validation images differ in scale."""
        model, pixels = self.state.model, PixelRange.of(images, kind)
        if pixels is None:
            return
        if self.state.clock.step:
            model.pixels = pixels if model.pixels is None else model.pixels.joined(pixels)
            return
        model.warn_if_on_another_scale(images, name="images in training")
        model.trained_on(pixels)
        if self.validation is not None:
            model.warn_if_on_another_scale(self.validation[0][:_VALIDATION_IMAGES_CHECKED], name="validation X")

    def _augmented(self, images: Floats, augment: Augment) -> Floats:
        """Augment a batch on one Numba thread: idle ones would spin and slow the convolutions that follow."""
        from stn_numba.kernels.runtime import dispatch

        with dispatch.limited(1):
            result = self.state.model.check_images(augment(images, self.state.distortion), name="augment's images")
        if len(result) != len(images):
            raise ValueError(f"augment: expected {len(images)} images, as many as it was given, got {len(result)}")
        return result


def _asks_to_stop(answer: Any) -> bool:
    """Whether a callback returned True, of Python or NumPy; other values, as a figure's artists, are ignored."""
    return isinstance(answer, bool | np.bool_) and bool(answer)
