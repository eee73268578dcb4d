"""Functions of keras.ops that are NumPy's: eager and compiled, against NumPy in double precision."""

import inspect

import numpy as np
import pytest

from epochal.errors import ArgumentError, NotSupportedError
from epochal.keras import ops
from epochal.tensor import function

RANDOM = np.random.default_rng(4)
A = RANDOM.normal(size=(4, 5))
B = RANDOM.normal(size=(4, 5))
P = RANDOM.uniform(0.5, 2, (4, 5))
HOLES = np.where(RANDOM.uniform(size=(4, 5)) < 0.3, np.nan, A)
HOLES[:, 0] = A[:, 0]
EDGES = np.array([-np.inf, -1.5, -0.0, 0.0, 2.5, np.inf, np.nan])
CUBE = RANDOM.normal(size=(2, 3, 4))
SQUARE = A[:, :4] @ A[:, :4].T + 4 * np.eye(4)
BINS = np.array([-1.0, 0.0, 0.5])
INTEGERS = np.array([[3, 7], [11, 0]])

CASES = [
    ("cbrt", (A,), {}), ("exp2", (A,), {}), ("fabs", (A,), {}), ("deg2rad", (A,), {}), ("rad2deg", (A,), {}),
    ("sinc", (np.array([0.0, 0.3, -2.0]),), {}), ("hypot", (A, B), {}), ("heaviside", (EDGES[:6], 0.25), {}),
    ("signbit", (EDGES[:6],), {}), ("isposinf", (EDGES,), {}), ("isneginf", (EDGES,), {}), ("isreal", (A,), {}),
    ("fmax", (HOLES, B), {}), ("fmin", (HOLES, B), {}), ("fmod", (A, P), {}), ("fmod", (A, -P), {}),
    ("ldexp", (A, np.array([1, 2, -1, 0, 3])), {}), ("logaddexp2", (A, B), {}),
    ("array_split", (A, 3), {"axis": 1}), ("hsplit", (A[:, :4], 2), {}), ("vsplit", (A, 2), {}),
    ("dsplit", (CUBE, [1, 3]), {}), ("dstack", ((A, B),), {}), ("fliplr", (A,), {}), ("flipud", (A,), {}),
    *[("rot90", (CUBE,), {"k": k, "axes": (0, 2)}) for k in range(-1, 4)],
    ("diagflat", (A[0], 1), {}), ("kron", (A[:2, :2], B[:2, :3]), {}), ("kron", (A[0], B[:2, :3]), {}),
    ("vander", (A[0],), {}), ("vander", (A[0], 3), {"increasing": True}), ("unravel_index", (INTEGERS, (3, 4)), {}),
    ("bartlett", (7,), {}), ("blackman", (6,), {}), ("hamming", (5,), {}), ("hanning", (8,), {}),
    ("kaiser", (6, 3.0), {}), ("logspace", (0.0, 1.0, 5), {}),
    ("nansum", (HOLES,), {"axis": 1}), ("nanprod", (HOLES,), {}), ("nancumsum", (HOLES,), {"axis": 1}),
    ("nancumprod", (HOLES,), {"axis": 0}), ("nanmax", (HOLES,), {"axis": 0}), ("nanmin", (HOLES,), {"keepdims": True}),
    ("nanargmax", (HOLES,), {"axis": 1}), ("nanargmin", (HOLES,), {"axis": 1}), ("nanmean", (HOLES,), {"axis": (0, 1)}),
    ("nanvar", (HOLES,), {"axis": 1}), ("nanstd", (HOLES,), {"axis": 0, "keepdims": True}),
    ("allclose", (A, A + 1e-9), {}), ("allclose", (A, B), {}), ("isin", (INTEGERS, [0, 7]), {}),
    ("isin", (INTEGERS, [0, 7]), {"invert": True}), ("ptp", (A,), {"axis": 1}),
    *[
        (name, (A, q), {"axis": axis, "method": method, "keepdims": keepdims})
        for name, q in (("quantile", 0.3), ("quantile", [0.0, 0.5, 0.9]), ("percentile", 62.0))
        for axis, keepdims in ((None, False), (1, True), ((0, 1), False))
        for method in ("linear", "lower", "higher", "midpoint", "nearest")
    ],
    ("corrcoef", (A,), {}), ("cross", (A[:, :3], B[:, :3]), {}), ("cross", (A[:3].T, B[:, :3][0]), {}),
    ("trapezoid", (A,), {"dx": 0.5}), ("trapezoid", (A, np.arange(4.0) ** 2), {"axis": 0}), ("digitize", (A, BINS), {}),
]  # fmt: skip


def single(x):
    return np.asarray(x, "float32") if isinstance(x, np.ndarray) and x.dtype == "float64" else x


def flat(results):
    return list(results) if isinstance(results, (list, tuple)) else [results]


@pytest.mark.parametrize(("name", "given", "named"), CASES)
def test_as_numpy(name, given, named):
    given = [tuple(single(one) for one in x) if name == "dstack" else single(x) for x in given]
    double = [np.float64(x) if isinstance(x, np.ndarray) and x.dtype == "float32" else x for x in given]
    with np.errstate(all="ignore"):
        expected = flat(getattr(np, name)(*double, **named))
    eager = flat(getattr(ops, name)(*given, **named))
    first = [x for x in given if isinstance(x, np.ndarray)][:1]
    compiled = eager
    if first and given[0] is first[0]:
        compiled = flat(function(lambda x: getattr(ops, name)(x, *given[1:], **named))(first[0]))
    assert len(eager) == len(compiled) == len(expected)
    for one, other, right in zip(eager, compiled, expected, strict=True):
        np.testing.assert_allclose(one.numpy(), right, rtol=2e-5, atol=2e-6)
        np.testing.assert_allclose(other.numpy(), right, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize(
    ("name", "given", "named"),
    [
        ("det", (SQUARE,), {}),
        ("inv", (SQUARE,), {}),
        ("cholesky", (SQUARE,), {}),
        ("matrix_rank", (np.stack([SQUARE, np.ones((4, 4))]),), {}),
        ("norm", (SQUARE,), {}),
        ("norm", (SQUARE, 1), {}),
        ("norm", (SQUARE, np.inf), {"axis": 1}),
        ("norm", (A[0], 3), {}),
        ("slogdet", (SQUARE,), {}),
        ("solve", (SQUARE, A[:, :2]), {}),
    ],
)
def test_as_numpy_linalg(name, given, named):
    expected = flat(getattr(np.linalg, name)(*given, **named))
    for one, right in zip(flat(getattr(ops.linalg, name)(*given, **named)), expected, strict=True):
        np.testing.assert_allclose(one.numpy(), right, rtol=1e-4, atol=1e-5)
    factor = np.linalg.cholesky(SQUARE)
    np.testing.assert_allclose(ops.cholesky_inverse(factor).numpy(), np.linalg.inv(SQUARE), rtol=1e-4, atol=1e-5)


def test_slices_without_a_number():
    nothing = np.full((2, 3), np.nan, "float32")
    assert np.isnan(ops.nanmax(nothing, axis=1).numpy()).all()
    assert ops.nanargmin(nothing, axis=0).numpy().tolist() == [-1, -1, -1]


def test_bits_and_limits():
    assert ops.view(np.float32(1.0), "int32").numpy() == 0x3F800000
    cast = ops.saturate_cast(np.array([-1e9, -3.7, 300.0, 1e20], "float32"), "uint8")
    assert cast.numpy().tolist() == [0, 0, 255, 255]
    assert ops.saturate_cast(np.array([3e9, -3e9], "float32"), "int32").numpy().tolist() == [2**31 - 1, -(2**31)]
    assert ops.get_item(A, (slice(1, 3), 0)).shape == (2,)
    image = np.arange(48.0).reshape(1, 4, 4, 3)
    deep = ops.space_to_depth(image, 2)
    assert deep.shape == (1, 2, 2, 12)
    assert deep.numpy()[0, 0, 0].tolist() == [*range(6), *range(12, 18)]
    np.testing.assert_array_equal(ops.depth_to_space(deep, 2).numpy(), image)
    expected = np.sqrt(((A[:, None] - B[None]) ** 2).sum(-1))
    np.testing.assert_allclose(ops.cdist(A, B).numpy(), expected, rtol=1e-5)


def test_images_of_other_sizes():
    image = np.arange(12.0, dtype="float32").reshape(1, 2, 2, 3)
    larger = ops.image.resize(image, (4, 4)).numpy()
    np.testing.assert_allclose(larger[0, 0, :, 0], [0.0, 0.75, 2.25, 3.0])
    np.testing.assert_allclose(larger[0, :, 0, 0], [0.0, 1.5, 4.5, 6.0])
    nearest = ops.image.resize(image[0], (4, 2), interpolation="nearest").numpy()
    np.testing.assert_array_equal(nearest[:, 0, 0], [0, 0, 6, 6])
    padded = ops.image.pad_images(image, top_padding=1, target_height=5, left_padding=0, right_padding=2)
    assert padded.shape == (1, 5, 4, 3)
    cropped = ops.image.crop_images(padded, top_cropping=1, target_height=2, left_cropping=0, target_width=2)
    np.testing.assert_array_equal(cropped.numpy(), image)
    gray = ops.image.rgb_to_grayscale(np.array([[[100, 0, 0], [255, 255, 255]]], "uint8")).numpy()
    assert gray.tolist() == [[[29], [254]]]
    with pytest.raises(NotSupportedError, match="Crop or pad before"):
        ops.image.resize(image, (3, 3), antialias=True)
    with pytest.raises(ArgumentError, match="two of the paddings"):
        ops.image.pad_images(image, top_padding=1)


def test_every_function_says_what_it_does():
    for name in ops.__all__:
        value = getattr(ops, name)
        assert inspect.ismodule(value) or value.__doc__, name
    for name in ("add", "relu", "softmax", "matmul"):
        assert getattr(ops.numpy, name) is getattr(ops.nn, name) is getattr(ops, name)
    with pytest.raises(AttributeError):
        getattr(ops.nn, "nonsense")  # noqa: B009
