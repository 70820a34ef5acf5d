"""pystackreg: TurboReg, on one thread. It knows no gain and bias, so it gets standardized images."""

from __future__ import annotations

from typing import Any

from pystackreg import StackReg

from benchmarks.case import Call
from benchmarks.registration.case import RegistrationTask, matrix_call, standardized

LIBRARY, PACKAGE = "pystackreg", "pystackreg"

MODELS = {"translation": StackReg.TRANSLATION, "similarity": StackReg.SCALED_ROTATION, "affine": StackReg.AFFINE}


def calls(task: Any) -> list[Call]:
    if not isinstance(task, RegistrationTask) or not isinstance(task.transform, str) or task.transform not in MODELS:
        return []
    model = MODELS[task.transform]
    return [matrix_call("pystackreg", task, lambda fixed, moving: StackReg(model).register(fixed, moving), standardized)]
