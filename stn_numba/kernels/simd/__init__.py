"""What kernels are written with: vectors in registers, and memory by raw address.

======================  ==============================================================================
`vectors`, `lanes`      short vectors with NumPy's operators; sums and shuffles of their lanes
`load_store`, `raw`     images and gradients: as floats to compute with, or bit for bit
`scratch`               rows of scratch memory
`scalars`, `finite`     minimum, maximum and bits of scalars; whether all numbers are finite
`aliasing`              which memory a store leaves alone, for LLVM
`conversions`, `llvm`   code that the others share
======================  ==============================================================================
"""
