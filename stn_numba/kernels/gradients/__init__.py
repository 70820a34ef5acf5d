"""The backward pass: gradients of <d_out, out> by image and grid.

======================  ==============================================================================
`backward`              the kernel `gradient`: images, or bands of their rows, cut into strips as in `sampling`
`backward_strips`       both gradients from a strip: its interior is vectorized, edges are done pixel by pixel
`image_gradient`        gradient by the image: output pixels add to their taps
`grid_gradient`         gradient by positions
`single_channel`        both, where the pixels of a channel are contiguous
`positions_vjp`         from the gradient by positions to that by the grid's own numbers
======================  ==============================================================================
"""
