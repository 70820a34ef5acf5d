"""
A network that looks for the digit
==================================

Trained for a few seconds on digits among clutter, from labels alone, a network with a spatial transformer already looks at the
digit.
"""

import matplotlib.pyplot as plt

import stn_numba as stn
from stn_numba.data.distortions.clutter import Clutter
from stn_numba.plot import attention_figure, learning_curves


class SmallClutter(Clutter):
    """A digit at a random place of 40 x 40 pixels, with four pieces of others; the paper's images are 60 x 60, with six."""

    canvas, pieces = (40, 40), 4


digits, clutter = stn.data.load_digits(), SmallClutter()
model = stn.models.st_fcn((40, 40, 1), shape=(28, 28), transform="attention", initial=[0.55, 0, 0])

# %%
# The transformer scales and shifts, and starts in the middle, at about half of the image. ``fit`` calls the distortion for each
# batch, so no image comes twice. For a good network train longer: see :doc:`/results`.
history = stn.fit(
    model,
    digits.train_images,
    digits.train_labels,
    augment=clutter,
    epochs=12,
    validation=(clutter.fixed(digits.test_images[:500]), digits.test_labels[:500]),
    progress=False,
)

# %%
# The share of wrong predictions, in training and on other digits:
axes = learning_curves(history, axes=plt.figure(figsize=(6, 3), layout="constrained").gca())

# %%
# The input with the region that the transformer chose, what it sees there, and the class:
images = clutter.fixed(digits.test_images[500:506])
figure, axes = plt.subplots(6, 4, figsize=(8, 11), layout="constrained")
axes = attention_figure(model, images, digits.test_labels[500:506], axes=axes)
