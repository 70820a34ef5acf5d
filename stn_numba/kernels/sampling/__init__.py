"""The forward pass: read images at the positions of grids.

======================  ==============================================================================
`forward`               the kernel `sample`: output rows are cut into strips of up to 256 pixels
`positions`             where the pixels of a strip read the image, for each kind of grid
`strips`, `padding`     these positions, padded
`interior`              which of them have all taps inside the image: nearly always neighbors
`taps`, `polynomial`    offsets and weights of the interior
`interpolate`           its weighted sums; `packed_pixels` for pixels of three or four bytes, `gathered` for one channel
`edge_taps`             all other pixels, tap by tap
`workspace`             options of the sampler, and scratch rows
`nearest`               the kernel `nearest`, which copies pixels
`pixel_homographies`    the kernel `between_pixels`, which prepares the matrices of grids
======================  ==============================================================================
"""
