"""Alias scopes: tell LLVM which memory a store leaves alone.

LLVM vectorizes a loop that gathers only if it knows that the loop's stores do not change what it gathers. So every load
belongs to a scope, and every store promises that it leaves the scopes before its own alone. In this order a strip of pixels
passes them:

=============  =========================================================
``INPUT``      images, grids and d_out
``POSITIONS``  where the pixels of a strip read the image
``TAPS``       offsets of their taps, and weights
``PRODUCTS``   values and gradients, and what else is kept for a strip
``OUTPUT``     what the kernel was called for
=============  =========================================================
"""

from __future__ import annotations

_SCOPES = INPUT, POSITIONS, TAPS, PRODUCTS, OUTPUT = "input", "positions", "taps", "products", "output"


def _metadata(builder, scopes):
    module = builder.module
    domain = module.add_metadata(["stn_numba.kernels"])
    return module.add_metadata([module.add_metadata([f"stn_numba.{scope}", domain]) for scope in scopes])


def in_scope(builder, scope, load):
    """Mark a load, or a call that loads, as one of a scope."""
    load.set_metadata("alias.scope", _metadata(builder, [scope]))
    return load


def scoped_load(builder, scope, pointer, align=None):
    """Load from memory of a scope; `align` in bytes, that of the type if None."""
    return in_scope(builder, scope, builder.load(pointer, align=align))


def scoped_store(builder, scope, value, pointer, align=None):
    """Store to memory of a scope, and promise to leave the scopes before it alone."""
    store = builder.store(value, pointer, align=align)
    store.set_metadata("noalias", _metadata(builder, _SCOPES[: _SCOPES.index(scope)]))
