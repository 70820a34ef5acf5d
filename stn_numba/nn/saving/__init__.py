"""Models and checkpoints as files, in a common format: `tensor_file`."""
