"""Calls whose results in real Keras are kept in tensor_functions.npz: (our name, Keras's name, arguments, keywords)."""

from __future__ import annotations

import numpy as np

F = np.array([[-2.5, -1.0, -0.25], [0.0, 0.5, 3.0]], np.float32)
G = np.array([[1.5, -0.75, 2.0], [0.25, 4.0, -1.25]], np.float32)
P = np.array([[0.25, 1.0, 2.5], [0.5, 3.0, 0.75]], np.float32)
U = np.array([[-0.9, -0.3, 0.1], [0.0, 0.45, 0.8]], np.float32)
N = np.array([[-7, 2, 5], [3, -4, 6]], np.int32)
J = np.array([[2, -3, 4], [-2, 5, 7]], np.int32)
I8 = np.array([[1, 2, 3], [4, 5, 6]], np.int8)
U8 = np.array([[1, 2, 3], [4, 5, 250]], np.uint8)
B = np.array([[True, False, True], [False, False, True]])
C = np.array([[True, True, False], [False, True, True]])
H = F.astype(np.float16)
V = np.array([1.0, -2.0, 3.0], np.float32)
T = np.linspace(-1, 1, 24, dtype=np.float32).reshape(2, 3, 4)
X2 = np.sin(np.arange(2 * 7 * 6 * 4, dtype=np.float32)).reshape(2, 7, 6, 4)
X1 = np.sin(np.arange(2 * 9 * 4, dtype=np.float32)).reshape(2, 9, 4)
K2 = np.cos(np.arange(3 * 2 * 4 * 6, dtype=np.float32)).reshape(3, 2, 4, 6)
KG = np.cos(np.arange(3 * 3 * 2 * 6, dtype=np.float32)).reshape(3, 3, 2, 6)
K1 = np.cos(np.arange(3 * 4 * 5, dtype=np.float32)).reshape(3, 4, 5)
KT = np.cos(np.arange(3 * 2 * 5 * 4, dtype=np.float32)).reshape(3, 2, 5, 4)
KD = np.cos(np.arange(3 * 3 * 4 * 2, dtype=np.float32)).reshape(3, 3, 4, 2)
LABELS = np.array([2, 0], np.int32)

_UNARY = [
    "abs",
    "absolute",
    "negative",
    "sign",
    "square",
    "sqrt",
    "rsqrt",
    "exp",
    "expm1",
    "log",
    "log1p",
    "log2",
    "log10",
    "sin",
    "cos",
    "tan",
    "sinh",
    "cosh",
    "tanh",
    "arcsinh",
    "sigmoid",
    "erf",
    "relu",
    "relu6",
    "elu",
    "selu",
    "silu",
    "softplus",
    "softsign",
    "mish",
    "hard_sigmoid",
    "hard_silu",
    "log_sigmoid",
    "floor",
    "ceil",
    "round",
    "reciprocal",
    "isfinite",
    "isnan",
    "isinf",
    "logical_not",
    "leaky_relu",
    "gelu",
    "celu",
    "hard_tanh",
    "tanh_shrink",
    "soft_shrink",
    "hard_shrink",
    "trunc",
]
_OURS = {"abs": "absolute"}
_POSITIVE = {"sqrt", "rsqrt", "log", "log1p", "log2", "log10", "reciprocal"}
_BINARY = [
    "add",
    "subtract",
    "multiply",
    "divide",
    "floor_divide",
    "mod",
    "power",
    "maximum",
    "minimum",
    "arctan2",
    "logaddexp",
]
_COMPARE = [
    "equal",
    "not_equal",
    "less",
    "less_equal",
    "greater",
    "greater_equal",
    "logical_and",
    "logical_or",
    "logical_xor",
]
_REDUCE = [
    "sum",
    "mean",
    "prod",
    "max",
    "min",
    "any",
    "all",
    "var",
    "std",
    "argmax",
    "argmin",
    "count_nonzero",
    "logsumexp",
]
_FLOAT_ONLY = {"divide", "arctan2", "logaddexp"}


def _elementwise():
    for name in _UNARY:
        yield _OURS.get(name, name), name, (P if name in _POSITIVE else F,), {}
        if name not in _POSITIVE and name not in ("reciprocal",):
            yield _OURS.get(name, name), name, (H,), {}
        if name in (
            "abs",
            "negative",
            "sign",
            "square",
            "sqrt",
            "exp",
            "sin",
            "sigmoid",
            "relu",
            "floor",
            "round",
            "tanh",
        ):
            yield _OURS.get(name, name), name, (np.abs(N) if name == "sqrt" else N,), {}
    for name in ("arcsin", "arccos", "arctan", "arctanh"):
        yield name, name, (U,), {}
    yield "arccosh", "arccosh", (P + 1.0,), {}
    yield "erfinv", "erfinv", (U,), {}
    yield "gelu", "gelu", (F,), {"approximate": False}
    yield "leaky_relu", "leaky_relu", (F,), {"negative_slope": 0.3}
    yield "threshold", "threshold", (F, 0.25, -1.0), {}
    for name in _BINARY:
        positive = name == "power"
        yield name, name, (P if positive else F, G), {}
        yield name, name, (F if not positive else P, V), {}
        yield name, name, (P, 2.0), {}
        if name not in ("logaddexp", "power"):
            yield name, name, (N, J), {}
            yield name, name, (N, 3), {}
            yield name, name, (N, 2.5), {}
            yield name, name, (N, F), {}
            yield name, name, (H, N), {}
        if name in ("add", "subtract", "multiply", "maximum"):
            yield name, name, (I8, U8), {}
            yield name, name, (I8, N), {}
            yield name, name, (U8, 2), {}
        if name in ("add", "multiply", "maximum", "minimum"):
            yield name, name, (B, C), {}
            yield name, name, (B, 2), {}
    yield "power", "power", (F, 2), {}
    yield "power", "power", (np.abs(N), 3), {}
    yield "power", "power", (P, 0.5), {}
    for name in _COMPARE:
        yield name, name, (N, J), {}
        yield name, name, (F, N), {}
        yield name, name, (B, C), {}
    yield "where", "where", (B, F, G), {}
    yield "where", "where", (B, N, 2.5), {}
    yield "where", "where", (B, 1, 0), {}
    yield "clip", "clip", (F, -1.0, 1.0), {}
    yield "clip", "clip", (N, -1, 4), {}
    yield "cast", "cast", (F, "int32"), {}
    yield "cast", "cast", (F, "bool"), {}
    for name in ("bitwise_and", "bitwise_or", "bitwise_xor"):
        yield name, name, (N, J), {}
    yield "left_shift", "left_shift", (N, np.abs(J)), {}
    yield "right_shift", "right_shift", (N, np.abs(J)), {}


def _reductions():
    for name in _REDUCE:
        extra = {} if name == "count_nonzero" else {"keepdims": True}
        operands = (F, N, B) if name not in ("logsumexp",) else (F,)
        for operand in operands:
            yield name, name, (operand,), {}
            yield name, name, (operand,), {"axis": 1}
            yield name, name, (operand,), {"axis": -2, **extra}
    for name in ("sum", "mean", "max", "var"):
        yield name, name, (T,), {"axis": (0, 2)}
        yield name, name, (I8,), {}
        yield name, name, (U8,), {"axis": 0}
        yield name, name, (H,), {"axis": 0}
    yield "cumsum", "cumsum", (F,), {"axis": 1}
    yield "cumsum", "cumsum", (N,), {}
    yield "cumsum", "cumsum", (B,), {"axis": 0}
    yield "softmax", "softmax", (F,), {}
    yield "softmax", "softmax", (T,), {"axis": 1}
    yield "log_softmax", "log_softmax", (F,), {}
    yield "norm", "norm", (F,), {}
    yield "norm", "norm", (F,), {"axis": 1}


def _movement():
    yield "reshape", "reshape", (T, (4, -1)), {}
    yield "transpose", "transpose", (T,), {}
    yield "transpose", "transpose", (T,), {"axes": (1, 0, 2)}
    yield "expand_dims", "expand_dims", (F, 1), {}
    yield "squeeze", "squeeze", (F[None],), {}
    yield "broadcast_to", "broadcast_to", (V, (2, 3)), {}
    yield "concatenate", "concatenate", ([F, G],), {"axis": 1}
    yield "concatenate", "concatenate", ([F, N],), {}
    yield "stack", "stack", ([F, G],), {"axis": -1}
    yield "split", "split", (T, 2), {"axis": 2}
    yield "split", "split", (T, [1, 3]), {"axis": 2}
    yield "unstack", "unstack", (T,), {"axis": 1}
    yield "pad", "pad", (F, ((1, 0), (2, 1))), {}
    yield "pad", "pad", (F, 1), {"constant_values": 2.0}
    yield "pad", "pad", (T, ((0, 0), (1, 2), (2, 1))), {"mode": "reflect"}
    yield "pad", "pad", (T, ((0, 1), (1, 2), (2, 1))), {"mode": "symmetric"}
    yield "flip", "flip", (F,), {}
    yield "flip", "flip", (F,), {"axis": 1}
    yield "roll", "roll", (F, 2), {}
    yield "roll", "roll", (F, -1), {"axis": 1}
    yield "tile", "tile", (F, (2, 3)), {}
    yield "tile", "tile", (F, 2), {}
    yield "tile", "tile", (V, (2, 1, 2)), {}
    yield "repeat", "repeat", (F, 2), {"axis": 1}
    yield "repeat", "repeat", (F, 2), {}
    yield "repeat", "repeat", (F, [1, 3]), {"axis": 0}
    yield "take", "take", (T, [1, -1, 0]), {"axis": 1}
    yield "take", "take", (T, [[1, 5]]), {}
    yield "take_along_axis", "take_along_axis", (T, np.array([[[0, 1]], [[3, -1]]])), {"axis": 2}
    yield "take_along_axis", "take_along_axis", (F, np.array([[1, 0, 1]])), {"axis": 0}
    yield "moveaxis", "moveaxis", (T, 0, -1), {}
    yield "moveaxis", "moveaxis", (T, (0, 1), (2, 0)), {}
    yield "swapaxes", "swapaxes", (T, 0, 2), {}
    yield "ravel", "ravel", (F,), {}
    yield "meshgrid", "meshgrid", (V, V[:2]), {}
    yield "meshgrid", "meshgrid", (V, V[:2], V[1:]), {"indexing": "ij"}
    yield "slice", "slice", (T, (0, 1, 1), (2, 2, 3)), {}
    yield "slice_update", "slice_update", (T, (0, 1, 1), np.zeros((1, 2, 2), np.float32)), {}
    yield "scatter", "scatter", ([[0, 1], [1, 2], [0, 1]], np.array([1.0, 2.0, 3.0], np.float32), (2, 3)), {}
    yield "segment_sum", "segment_sum", (F, np.array([1, 1])), {"num_segments": 3}
    yield "one_hot", "one_hot", (np.array([[0, 2], [5, -1]]), 3), {}
    yield "one_hot", "one_hot", (np.array([0, 2]), 3), {"axis": 0, "dtype": "int32"}
    yield "bincount", "bincount", (np.array([1, 2, 2, 4], np.int32),), {}


def _creation():
    yield "eye", "eye", (3,), {}
    yield "eye", "eye", (2, 4), {"dtype": "int32"}
    yield "arange", "arange", (5,), {}
    yield "arange", "arange", (1, 9, 3), {}
    yield "arange", "arange", (0.0, 1.0, 0.25), {}
    yield "arange", "arange", (5,), {"dtype": "float32"}
    yield "linspace", "linspace", (0.0, 1.0), {"num": 5}
    yield "linspace", "linspace", (1.0, 3.0), {"num": 4, "endpoint": False}
    yield "zeros", "zeros", ((2, 3),), {}
    yield "ones", "ones", ((2,),), {"dtype": "int32"}
    yield "full", "full", ((2, 2), 3.5), {}
    yield "zeros_like", "zeros_like", (N,), {}
    yield "ones_like", "ones_like", (B,), {}
    yield "full_like", "full_like", (F, 7), {}
    yield "tri", "tri", (3,), {"k": 1}
    yield "tril", "tril", (T,), {"k": -1}
    yield "triu", "triu", (T,), {}
    yield "diag", "diag", (V,), {"k": 1}
    yield "diag", "diag", (F,), {}
    yield "diagonal", "diagonal", (F,), {"k": -1}
    yield "trace", "trace", (F,), {}


def _products():
    a = np.sin(np.arange(24, dtype=np.float32)).reshape(2, 3, 4)
    b = np.cos(np.arange(40, dtype=np.float32)).reshape(2, 4, 5)
    yield "matmul", "matmul", (F, F.T), {}
    yield "matmul", "matmul", (a, b), {}
    yield "matmul", "matmul", (a, b[0]), {}
    yield "matmul", "matmul", (a[0], b), {}
    yield "matmul", "matmul", (a[:, None], b[None]), {}
    yield "matmul", "matmul", (V, F.T), {}
    yield "matmul", "matmul", (F, V), {}
    yield "matmul", "matmul", (V, V), {}
    yield "matmul", "matmul", (N, J.T), {}
    yield "matmul", "matmul", (I8, I8.T), {}
    yield "matmul", "matmul", (N, F.T), {}
    yield "dot", "dot", (a, b[0]), {}
    yield "dot", "dot", (a, V[0]), {}
    yield "inner", "inner", (F, G), {}
    yield "outer", "outer", (V, F), {}
    yield "vdot", "vdot", (F, G), {}
    yield "tensordot", "tensordot", (a, b), {"axes": ((2,), (1,))}
    yield "tensordot", "tensordot", (a, a), {"axes": ([0, 2], [0, 2])}
    yield "tensordot", "tensordot", (F, G), {"axes": 0}
    yield "einsum", "einsum", ("bij,bjk->bik", a, b), {}
    yield "einsum", "einsum", ("ij->ji", F), {}
    yield "einsum", "einsum", ("ij->", F), {}
    yield "einsum", "einsum", ("ii->i", F[:, :2]), {}
    yield "einsum", "einsum", ("ij,ij->i", F, G), {}
    yield "einsum", "einsum", ("...ij,...jk->...ik", a, b), {}
    yield "einsum", "einsum", ("bij,jk,bkl->bil", a, np.ones((4, 2), np.float32), np.ones((2, 2, 3), np.float32)), {}
    yield "einsum", "einsum", ("ij,jk", F, F.T), {}


def _network():
    for padding in ("valid", "same"):
        yield "conv", "conv", (X2, K2), {"padding": padding}
        yield "conv", "conv", (X2, K2), {"padding": padding, "strides": (2, 1)}
        yield "conv", "conv", (X2, K2), {"padding": padding, "dilation_rate": (1, 2)}
        yield "conv", "conv", (X1, K1), {"padding": padding, "strides": 2}
        yield "conv_transpose", "conv_transpose", (X2, KT), {"padding": padding, "strides": 2}
        yield "conv_transpose", "conv_transpose", (X2, KT), {"padding": padding, "strides": 1}
        yield "conv_transpose", "conv_transpose", (X2, KT), {"padding": padding, "strides": 3}
        for name in ("max_pool", "average_pool"):
            yield name, name, (X2, 2), {"padding": padding}
            yield name, name, (X2, (3, 2)), {"padding": padding, "strides": (1, 2)}
            yield name, name, (X1, 3), {"padding": padding, "strides": 2}
        yield "depthwise_conv", "depthwise_conv", (X2, KD), {"padding": padding, "strides": 2}
    yield "batch_norm", "batch_normalization", (F, V, np.abs(V)), {"axis": -1}
    yield "layer_norm", "layer_normalization", (T,), {"epsilon": 1e-3}
    yield "normalize", "normalize", (F,), {}
    yield "in_top_k", "in_top_k", (LABELS, F), {"k": 2}
    yield "moments", "moments", (T,), {"axes": (0, 2)}


CASES = [*_elementwise(), *_reductions(), *_movement(), *_creation(), *_products(), *_network()]
