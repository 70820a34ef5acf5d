"""Files of models that version 0.1 saved are read. `version_0_1.safetensors` is one of them, with the results it had there."""

from pathlib import Path

import numpy as np

import stn_numba as stn

PROBABILITIES = [
    [0.39103806018829346, 0.26212793588638306, 0.3468339741230011],
    [0.5332203507423401, 0.09809962660074234, 0.3686800003051758],
]


def test_a_model_of_version_0_1_predicts_the_same():
    model = stn.load(Path(__file__).with_name("version_0_1.safetensors"))
    images = np.linspace(0, 1, 2 * 64, dtype=np.float32).reshape(2, 8, 8, 1)
    np.testing.assert_allclose(model.predict_proba(images), PROBABILITIES, rtol=1e-5)
