"""Training: `fit` checks its arguments, `loop` runs the epochs, `step` trains on a batch, `state` is stored in checkpoints."""
