"""Products of matrices by BLAS functions, which are called by their addresses with Fortran's conventions."""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from stn_numba.kernels.compiler import jit
from stn_numba.nn.kernels.flat import fill, put

_WORD, _INT, _CHAR = ir.IntType(64), ir.IntType(32), ir.IntType(8)


class _Call:
    """A call of a BLAS function, whose arguments are all addresses of numbers."""

    def __init__(self, context, builder, like):
        self.builder, self.element, self.arguments = builder, context.get_value_type(like), []

    def address(self, value):
        """Add an array."""
        self.arguments.append(self.builder.inttoptr(value, _CHAR.as_pointer()))

    def turned(self, value):
        """Add whether to transpose a matrix."""
        letters = [ir.Constant(_CHAR, ord(letter)) for letter in "tn"]
        self._number(self.builder.select(value, *letters))

    def whole(self, value):
        """Add a length."""
        self._number(self.builder.trunc(value, _INT) if isinstance(value, ir.Value) else ir.Constant(_INT, value))

    def float(self, value):
        """Add a number of the dtype."""
        self._number(ir.Constant(self.element, value))

    def _number(self, value):
        place = cgutils.alloca_once(self.builder, value.type)
        self.builder.store(value, place)
        self.arguments.append(self.builder.bitcast(place, _CHAR.as_pointer()))

    def run(self, function, result):
        """Call the function at an address."""
        kind = ir.FunctionType(result, [_CHAR.as_pointer()] * len(self.arguments))
        return self.builder.call(self.builder.inttoptr(function, kind.as_pointer()), self.arguments)


@intrinsic
def _gemm(typingctx, function, like, left_turned, right_turned, m, n, k, left, left_row, right, right_row, out, out_row):
    """Write the product out (n, m) of left (k, m) and right (n, k), in Fortran's order."""

    def codegen(context, builder, signature, arguments):
        function, _, left_turned, right_turned, m, n, k, left, left_row, right, right_row, out, out_row = arguments
        call = _Call(context, builder, like)
        for turned in (left_turned, right_turned):
            call.turned(turned)
        for length in (m, n, k):
            call.whole(length)
        call.float(1.0)
        for address, row in ((left, left_row), (right, right_row)):
            call.address(address)
            call.whole(row)
        call.float(0.0)
        call.address(out)
        call.whole(out_row)
        call.run(function, ir.VoidType())
        return context.get_dummy_value()

    return types.void(types.int64, like, types.boolean, types.boolean, *(types.int64,) * 9), codegen


@intrinsic
def _gemv(typingctx, function, like, turned, m, n, matrix, vector, out):
    """Write the product of a matrix (m, n), in Fortran's order, and a vector."""

    def codegen(context, builder, signature, arguments):
        function, _, turned, m, n, matrix, vector, out = arguments
        call = _Call(context, builder, like)
        call.turned(turned)
        call.whole(m)
        call.whole(n)
        call.float(1.0)
        call.address(matrix)
        call.whole(m)
        call.address(vector)
        call.whole(1)
        call.float(0.0)
        call.address(out)
        call.whole(1)
        call.run(function, ir.VoidType())
        return context.get_dummy_value()

    return types.void(types.int64, like, types.boolean, *(types.int64,) * 5), codegen


@intrinsic
def _dot(typingctx, function, like, n, left, right):
    """Return the product of two vectors."""

    def codegen(context, builder, signature, arguments):
        function, _, n, left, right = arguments
        call = _Call(context, builder, like)
        call.whole(n)
        for address in (left, right):
            call.address(address)
            call.whole(1)
        return call.run(function, call.element)

    return like(types.int64, like, types.int64, types.int64, types.int64), codegen


@jit.rare
def product(gemm, gemv, dot, like, left, left_turned, right, right_turned, out, m, n, k):
    """Write the product out (m, n) of left (m, k) and right (k, n), in C order; a `turned` one is stored transposed.

    Functions are chosen as in Numba's ``np.dot``, for the same bits. For BLAS, arrays in C order are transposed matrices: it
    computes right' left', which is out'.
    """
    if m == 0 or n == 0 or k == 0:
        fill(out, m * n, like)
    elif m == 1 and n == 1:
        put(out, 0, like, _dot(dot, like, k, left, right))
    elif n == 1:
        if left_turned:
            _gemv(gemv, like, False, m, k, left, right, out)
        else:
            _gemv(gemv, like, True, k, m, left, right, out)
    elif m == 1:
        if right_turned:
            _gemv(gemv, like, True, k, n, right, left, out)
        else:
            _gemv(gemv, like, False, n, k, right, left, out)
    else:
        left_row, right_row = m if left_turned else k, k if right_turned else n
        _gemm(gemm, like, right_turned, left_turned, n, m, k, right, right_row, left, left_row, out, n)
