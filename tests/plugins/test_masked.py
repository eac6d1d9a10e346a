"""Data with holes in Dask arrays and tensors: the bits of the core, lazy, and differentiable."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import BFLOAT16, TYPES, assert_same_bits, numpy_type, sample

import aa_ref
from aa_ref.errors import ContainerError, DeviceError, DtypeError, MaskError, ShapeError

pytestmark = pytest.mark.filterwarnings("ignore:scale .* has stride:UserWarning")
SHAPE = (2, 15, 11)


def case(dtype, seed=0, kind="bool", shape=SHAPE):
    """Data with NaN where the mask hides them, and the mask."""
    rng = np.random.default_rng(seed)
    mask = (rng.random(shape) * (rng.random(shape) > 0.4)).astype(numpy_type("float32"))
    x = sample(SHAPE, dtype)
    if not dtype.startswith("uint"):
        x[np.broadcast_to(mask == 0, SHAPE)] = np.nan
    return x, mask > 0 if kind == "bool" else mask.astype(numpy_type(kind))


@given(
    chunks=st.tuples(*(st.integers(1, n) for n in SHAPE)),
    dtype=st.sampled_from(TYPES),
    result=st.none() | st.sampled_from(TYPES),
    kind=st.sampled_from(["bool", "float64", "bfloat16"]),
    boundary=st.sampled_from(["zeros", "reflect", "circular"]),
    shape=st.sampled_from([SHAPE, (1, 15, 11), (15, 11), (15, 1)]),
    lazy_mask=st.booleans(),
    scale=st.sampled_from([0.5, 0.25, (1, 0.4)]),
)
def test_dask_gives_the_bits_of_the_whole(
    chunks, dtype, result, kind, boundary, shape, lazy_mask, scale
):
    da = pytest.importorskip("dask.array")
    x, mask = case(dtype, 1, kind, shape)
    options = {"boundary": boundary, "dtype": result, "least": 0.3}
    given_mask = da.from_array(mask, chunks=-1) if lazy_mask else mask
    pair = aa_ref.downsample_masked(da.from_array(x, chunks=chunks), given_mask, scale, **options)
    for lazy, expected in zip(
        pair, aa_ref.downsample_masked(x, mask, scale, **options), strict=True
    ):
        assert isinstance(lazy, da.Array)
        assert lazy.shape == expected.shape
        assert lazy.dtype == expected.dtype
        assert_same_bits(lazy.compute(scheduler="synchronous"), expected)


def test_dask_looks_at_no_sample_at_once():
    da = pytest.importorskip("dask.array")

    def looked(block):
        raise RuntimeError("looked")

    x = da.ones(SHAPE, chunks=(1, 5, 5), dtype="f4").map_blocks(
        looked, dtype="f4", meta=np.ones((0,) * 3, "f4")
    )
    aa_ref.downsample_masked(x, x, 0.5)
    y, _ = aa_ref.downsample_masked(da.ones(SHAPE), da.full(SHAPE, 2.0), 0.5)
    with pytest.raises(MaskError, match="outside 0"):
        y.compute(scheduler="synchronous")
    with pytest.raises(ShapeError, match="does not broadcast"):
        aa_ref.downsample_masked(da.ones(SHAPE), np.ones((4, 4), bool), 0.5)
    with pytest.raises(ContainerError, match="list"):
        aa_ref.downsample_masked(da.ones(SHAPE), [True], 0.5)
    y, _ = aa_ref.downsample_masked(np.ones(SHAPE), da.ones(SHAPE, dtype=bool), 0.5)
    assert isinstance(y, da.Array)


# ------------------------------------------------------------------------------------ torch


def tensor(torch, x):
    if x.dtype == BFLOAT16:
        return torch.from_numpy(x.view(np.uint16)).view(torch.bfloat16)
    return torch.from_numpy(x)


@given(
    dtype=st.sampled_from(TYPES),
    result=st.none() | st.sampled_from(TYPES),
    kind=st.sampled_from(["bool", "float64", "bfloat16", "float32"]),
    boundary=st.sampled_from(["zeros", "reflect"]),
    shape=st.sampled_from([SHAPE, (1, 15, 11), (15, 11), (15, 1)]),
    scale=st.sampled_from([0.5, 0.25, (1, 0.4)]),
    fill=st.sampled_from([None, 7]),
)
def test_torch_gives_the_bits_of_the_core(dtype, result, kind, boundary, shape, scale, fill):
    torch = pytest.importorskip("torch")
    x, mask = case(dtype, 2, kind, shape)
    options = {"boundary": boundary, "dtype": result, "least": 0.3, "fill": fill}
    pair = aa_ref.downsample_masked(tensor(torch, x), tensor(torch, mask), scale, **options)
    for y, expected in zip(pair, aa_ref.downsample_masked(x, mask, scale, **options), strict=True):
        assert type(y) is torch.Tensor
        assert_same_bits(y, expected)


def test_torch_gradients():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.standard_normal((6, 7))).requires_grad_()
    mask = torch.from_numpy(rng.uniform(0.2, 1, (6, 7))).requires_grad_()

    def function(x, mask):
        return aa_ref.downsample_masked(x, mask, 0.5, least=0)

    assert torch.autograd.gradcheck(function, (x, mask))


def test_what_is_hidden_leaks_into_no_gradient():
    torch = pytest.importorskip("torch")
    x = torch.from_numpy(sample((6, 9)))
    hidden = torch.zeros((6, 9), dtype=torch.bool)
    hidden[:3, :6] = True
    x[hidden] = torch.nan
    x.requires_grad_()
    mask = (~hidden).float().requires_grad_()
    y, weight = aa_ref.downsample_masked(x, mask, 0.5)
    seen = ~torch.isnan(y.detach())
    assert seen.any()
    assert not seen.all()
    (y[seen].sum() + weight.sum()).backward()
    assert torch.isfinite(x.grad).all()
    assert torch.isfinite(mask.grad).all()
    assert (x.grad[hidden] == 0).all()


def test_torch_errors():
    torch = pytest.importorskip("torch")
    x = torch.ones(6, 9)
    for mask in (torch.full((6, 9), 2.0), torch.full((6, 9), torch.nan)):
        with pytest.raises(MaskError, match="outside 0"):
            aa_ref.downsample_masked(x, mask, 0.5)
    with pytest.raises(ShapeError, match="does not broadcast"):
        aa_ref.downsample_masked(x, torch.ones(9, 6), 0.5)
    with pytest.raises(ContainerError, match="list"):
        aa_ref.downsample_masked(x, [[True]], 0.5)
    with pytest.raises(DeviceError, match="move the mask"):
        aa_ref.downsample_masked(x, torch.ones(6, 9, device="meta"), 0.5)
    y, _ = aa_ref.downsample_masked(np.ones((6, 9), np.float32), torch.ones(6, 9), 0.5)
    assert isinstance(y, np.ndarray)


def test_the_mask_of_a_tensor_that_does_not_fit_is_a_runtime_error():
    torch = pytest.importorskip("torch")
    x = torch.ones(6, 9)
    with pytest.raises(RuntimeError, match="does not broadcast"):
        aa_ref.downsample_masked(x, torch.ones(9, 6), 0.5)
    with pytest.raises(RuntimeError, match=r"the mask's type is torch\.int64.*write mask != 0"):
        aa_ref.downsample_masked(x, torch.ones(6, 9, dtype=torch.int64), 0.5)


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.usefixtures("fresh_compiler")
def test_compiled_without_a_break(dynamic):
    torch = pytest.importorskip("torch")
    import aa_ref_torch  # noqa: F401 (as docs/torch.md says of graphs)

    def function(x, mask):
        return aa_ref.downsample_masked(x, mask, 0.5, least=0.25, fill=-1.5)

    compiled = torch.compile(function, fullgraph=True, dynamic=dynamic, backend="aot_eager")
    for shape in ((6, 9), (11, 8)) if dynamic else ((6, 9),):
        x, mask = torch.from_numpy(sample((2, *shape))), torch.from_numpy(sample(shape))
        for m in (mask > 0, mask.sigmoid()):
            for y, expected in zip(compiled(x, m), function(x, m), strict=True):
                assert torch.equal(y, expected)


def test_masks_within_transforms_are_looked_at():
    torch = pytest.importorskip("torch")
    x = torch.from_numpy(sample((6, 9)))
    masks = torch.from_numpy(np.random.default_rng(0).random((3, 6, 9)).astype("f4"))

    def function(mask):
        return aa_ref.downsample_masked(x, mask, 0.5, least=0)

    for one, several in zip(
        zip(*map(function, masks), strict=True), torch.vmap(function)(masks), strict=True
    ):
        assert torch.equal(torch.stack(one), several)
    grads = torch.vmap(torch.func.grad(lambda mask: function(mask)[0].sum()))(masks)
    mask = masks[1].clone().requires_grad_()
    function(mask)[0].sum().backward()
    assert torch.equal(grads[1], mask.grad)
    with pytest.raises(MaskError, match="outside 0"):
        torch.vmap(function)(masks * 2)


def test_no_gradient_is_dropped_in_silence():
    torch = pytest.importorskip("torch")
    x, mask = torch.ones(6, 9), torch.ones(6, 9)
    number = torch.tensor(0.5, requires_grad=True)
    for option in ("least", "fill"):
        with pytest.raises(MaskError, match=rf"requires a gradient.*pass {option}\.detach\(\)"):
            aa_ref.downsample_masked(x, mask, 0.5, **{option: number})
    with pytest.raises(MaskError, match=r"through which none flows; pass mask\.detach\(\)"):
        aa_ref.downsample_masked(x.numpy(), mask.requires_grad_(), 0.5)


@pytest.mark.parametrize("lazy", [False, True], ids=["NumPy", "Dask"])
def test_masks_of_other_kinds(lazy):
    """Truth values of pandas are taken; what cannot be a mask is told as a mask."""
    pandas = pytest.importorskip("pandas")
    x = sample((6, 9))
    given = pytest.importorskip("dask.array").from_array(x) if lazy else x
    expected = aa_ref.downsample_masked(x, x > 0, 0.5)
    mask = pandas.DataFrame(x > 0)
    for y, e in zip(aa_ref.downsample_masked(given, mask, 0.5), expected, strict=True):
        assert_same_bits(np.asarray(y), e)
    with pytest.raises(DtypeError, match=r"the mask's type is int32.*write mask != 0"):
        aa_ref.downsample_masked(given, (x > 0).astype("i4"), 0.5)
    with pytest.raises(ContainerError, match="the mask is a MaskedArray, which carries a mask"):
        aa_ref.downsample_masked(given, np.ma.ones((6, 9), bool), 0.5)
    image = pytest.importorskip("PIL.Image").fromarray((x > 0).astype("u1") * 255)
    with pytest.raises(ContainerError, match=r"the mask is a picture.*np\.asarray\(image\) != 0"):
        aa_ref.downsample_masked(given, image, 0.5)
    for y, e in zip(
        aa_ref.downsample_masked(given, np.asarray(image) != 0, 0.5), expected, strict=True
    ):
        assert_same_bits(np.asarray(y), e)
