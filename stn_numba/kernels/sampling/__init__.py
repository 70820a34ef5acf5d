"""Read an image at the positions of a grid: the forward pass."""
