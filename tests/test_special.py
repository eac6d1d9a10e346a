"""Containers that mean more than their memory says: refused with what to write, which then works.

And those that are read as plain memory: what comes out of each.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support import assert_same_bits, sample

import aa_ref
from aa_ref.dtypes import conversion_of
from aa_ref.errors import ContainerError, DtypeError, OutError, ScaleError, SigmaError

SHAPE = (14, 10)
CALLS = {
    "downsample": lambda x: aa_ref.downsample(x, 0.5),
    "downsample_adjoint": lambda x: aa_ref.downsample_adjoint(x, 0.5, (28, 20)),
    "pyramid": lambda x: aa_ref.pyramid(x, (1, 0.5)),
    "plan": lambda x: aa_ref.plan(SHAPE, 0.5)(x),
    "plan.adjoint": lambda x: aa_ref.plan((28, 20), 0.5).adjoint(x),
}
by_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


# ---------------------------------------------------------------------------------- masks


class StaysItself(np.ndarray):
    """As astropy's ``Masked``: a view of another type is of this one all the same."""

    def view(self, *arguments):
        return self


class Masked(StaysItself):
    """As astropy's, with its mask and its data without it."""

    def __array_finalize__(self, other):
        self.mask = getattr(other, "mask", None)

    @property
    def unmasked(self):
        return np.asarray(self)


class Image:
    """As astropy's ``CCDData``: an array, a unit, and perhaps a mask, True where it is hidden."""

    def __init__(self, data, mask=None):
        self.data, self.mask, self.unit = data, mask, "adu"

    def __array__(self, dtype=None, copy=None):
        return self.data


class ExportsMasked:
    """Exports a masked array, whose mask `np.asarray` would drop."""

    def __array__(self, dtype=None, copy=None):
        return np.ma.masked_greater(sample(SHAPE), 1)


class InterfaceWithMask:
    """NumPy's protocol has room for a mask, and NumPy does not look at it."""

    def __init__(self, x, mask):
        self.x = x
        self.__array_interface__ = x.__array_interface__ | {"mask": mask}


class DlpackWithMask:
    def __init__(self, x, mask):
        self.x, self.mask = x, mask

    def __dlpack__(self, **options):
        return self.x.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.x.__dlpack_device__()


def masked():
    x = np.ndarray.view(sample(SHAPE), Masked)
    x.mask = np.zeros(SHAPE, bool)
    return x


MASKED = {
    "np.ma": lambda: np.ma.masked_greater(sample(SHAPE), 1),
    "np.ma without a mask": lambda: np.ma.array(sample(SHAPE)),
    "astropy's Masked": masked,
    "CCDData": lambda: Image(sample(SHAPE), np.zeros(SHAPE, bool)),
    "exports np.ma": ExportsMasked,
    "__array_interface__": lambda: InterfaceWithMask(sample(SHAPE), np.zeros(SHAPE, bool)),
    "DLPack": lambda: DlpackWithMask(sample(SHAPE), np.zeros(SHAPE, bool)),
}


@by_call
@pytest.mark.parametrize("make", MASKED.values(), ids=MASKED)
def test_what_carries_a_mask_is_refused(make, call):
    with pytest.raises(ContainerError, match=r"carries a mask; write aa_ref\.downsample_masked\("):
        call(make())


def test_a_mask_in_out_is_refused():
    beside = np.ndarray.view(np.zeros((7, 5), "f4"), Masked)
    beside.mask = np.zeros((7, 5), bool)
    for out in (np.ma.zeros((7, 5), np.float32), beside):
        with pytest.raises(OutError, match="cannot be written into"):
            aa_ref.downsample(sample(SHAPE), 0.5, out=out)


def test_an_object_that_may_have_a_mask_and_has_none_is_read():
    y = aa_ref.downsample(Image(sample(SHAPE)), 0.5)
    assert type(y) is np.ndarray
    assert_same_bits(y, aa_ref.downsample(sample(SHAPE), 0.5))


@by_call
def test_torch_masked_tensors_are_refused(call):
    torch = pytest.importorskip("torch")
    with pytest.warns(UserWarning, match="prototype"):
        x = torch.masked.masked_tensor(torch.ones(SHAPE), torch.ones(SHAPE, dtype=torch.bool))
    with pytest.raises(ContainerError, match=r"downsample_masked\(x\.get_data\(\), x\.get_mask"):
        call(x)


# --------------------------------------------------------------------------------- pictures


@by_call
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "CMYK", "I;16", "F", "P", "PA", "1"])
def test_pictures_are_refused_and_what_to_write_works(mode, call):
    pillow = pytest.importorskip("PIL.Image")
    image = pillow.new(mode, SHAPE[::-1])
    with pytest.raises(ContainerError, match="PIL Image is a picture") as caught:
        call(image)
    assert ("palette" in str(caught.value)) == (mode in ("P", "PA"))
    written = re.search(r"write (\S+) in its place, with (axes=.*)$", str(caught.value))
    x, options = eval(f"{written[1]}, dict({written[2]})", {"np": np, "image": image})
    y = aa_ref.downsample(x, 0.5, **options)
    assert_same_bits(aa_ref.pyramid(x, (1, 0.5), **options)[1], y)
    assert y.shape[:2] == (7, 5)
    channels = len(image.convert({"P": "RGB", "PA": "RGBA"}.get(mode, mode)).getbands())
    assert y.shape[2:] == (() if channels == 1 else (channels,))


def test_a_palette_with_transparency_keeps_it():
    pillow = pytest.importorskip("PIL.Image")
    image = pillow.new("P", SHAPE[::-1])
    image.info["transparency"] = 0
    with pytest.raises(ContainerError, match=r"image\.convert\('RGBA'\)"):
        aa_ref.downsample(image, 0.5)


def test_sparse_matrices_are_told_what_works():
    sparse = pytest.importorskip("scipy.sparse")
    x = sparse.csr_array(sample(SHAPE))
    with pytest.raises(ContainerError, match=r"got csr_array; write x\.toarray\(\)$"):
        aa_ref.downsample(x, 0.5)
    assert_same_bits(aa_ref.downsample(x.toarray(), 0.5), aa_ref.downsample(sample(SHAPE), 0.5))


def test_pictures_of_other_packages_are_refused():
    picture = type("Image", (Image,), {"__module__": "pyvips.vimage"})
    with pytest.raises(ContainerError, match=r"pyvips Image .*write image\.numpy\(\) in its place"):
        aa_ref.downsample(picture(sample((14, 10, 3))), 0.5)


# -------------------------------------------------------------------------- subclasses


class Quantity(np.ndarray):
    """As astropy's: numbers with a unit."""

    def __array_finalize__(self, other):
        self.unit = getattr(other, "unit", "metre")


def of_pandas(x):
    return pytest.importorskip("pandas").DataFrame(x)


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
@pytest.mark.parametrize(
    "make",
    [np.matrix, np.rec.array, of_pandas, lambda x: x.view(Quantity),
     lambda x: np.ndarray.view(x, StaysItself)],
    ids=["np.matrix", "np.recarray", "pandas", "Quantity", "stays itself on view"],
)  # fmt: skip
def test_others_are_read_as_plain_memory_and_give_plain_arrays(make):
    for name, call in CALLS.items():
        given, plain = call(make(sample(SHAPE))), call(sample(SHAPE))
        pairs = zip(given, plain, strict=True) if name == "pyramid" else [(given, plain)]
        for y, expected in pairs:
            assert type(y) is np.ndarray
            assert_same_bits(y, expected)


def test_what_cannot_export_itself_says_why():
    class Symbolic:
        """As TensorFlow's tensors within a graph."""

        def __array__(self, dtype=None, copy=None):
            raise NotImplementedError("no value in a graph")

    with pytest.raises(ContainerError, match=r"Symbolic cannot be read .*: no value in a graph"):
        aa_ref.downsample(Symbolic(), 0.5)


# ----------------------------------------------------------------------------- traced ones


def test_jax_traces_are_refused_and_what_to_write_works():
    jax = pytest.importorskip("jax")
    jax.config.update("jax_platforms", "cpu")
    x = jax.numpy.asarray(sample((3, *SHAPE)))
    plan = aa_ref.plan(x.shape[1:], 0.5)

    def wrong(x):
        return aa_ref.downsample(x, 0.5)

    for transform in (jax.jit, jax.vmap, lambda f: jax.grad(lambda x: f(x).sum())):
        with pytest.raises(ContainerError, match=r"jax\.pure_callback.*jax\.custom_vjp"):
            transform(wrong)(x)

    def outside(function, x, shape):
        result = jax.ShapeDtypeStruct(shape, x.dtype)
        return jax.pure_callback(
            lambda x: function(np.asarray(x)), result, x, vmap_method="sequential"
        )

    @jax.custom_vjp
    def right(x):
        return outside(lambda x: aa_ref.downsample(x, 0.5), x, plan.out_shape)

    def backward(_, g):
        return (outside(lambda g: aa_ref.downsample_adjoint(g, 0.5, SHAPE), g, SHAPE),)

    right.defvjp(lambda x: (right(x), None), backward)
    expected = aa_ref.downsample(sample((3, *SHAPE)), 0.5)
    assert_same_bits(jax.vmap(jax.jit(right))(x), expected)
    g = jax.grad(lambda x: (right(x) * expected[0]).sum())(x[0])
    assert_same_bits(g, aa_ref.downsample_adjoint(expected[0], 0.5, SHAPE))


def test_torch_fx_traces_are_refused(monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(aa_ref.api, "adapter_of", lambda x: None)  # the core by itself
    with pytest.raises(ContainerError, match=r"torch\.export\.export\(model, \(x,\)\)"):
        torch.fx.symbolic_trace(lambda x: aa_ref.downsample(x, 0.5))


def scripted(x):
    return aa_ref.downsample(x, 0.5)


def scripted_plan(x):
    return aa_ref.plan((14, 10), 0.5)(x)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")
def test_torch_script_is_told_what_to_write_and_that_works():
    torch = pytest.importorskip("torch")
    import aa_ref_torch

    for function in (scripted, scripted_plan, aa_ref.pyramid, aa_ref_torch.downsample_adjoint):
        with pytest.raises(ContainerError, match=r"torch\.export\.export\(model, \(x,\)\)"):
            torch.jit.script(function)

    class Model(torch.nn.Module):
        def forward(self, x):
            return scripted(x)

    x = torch.from_numpy(sample(SHAPE))
    exported = torch.export.export(Model(), (x,)).module()
    assert_same_bits(exported(x), aa_ref.downsample(sample(SHAPE), 0.5))


# ------------------------------------------------------------------ tensors as options


def test_sigmas_in_tensors_are_numbers_without_a_gradient():
    torch = pytest.importorskip("torch")
    for x in (sample(SHAPE), torch.from_numpy(sample(SHAPE))):
        for sigma, plain in ((torch.tensor([1.5, 2.0]), (1.5, 2.0)), (torch.tensor(1.5), 1.5)):
            given = aa_ref.downsample(x, 0.5, sigma=sigma)
            assert_same_bits(given, aa_ref.downsample(sample(SHAPE), 0.5, sigma=plain))
            sigma.requires_grad_(True)
            for wrong in (sigma, torch.nn.Parameter(sigma.detach())):
                with pytest.raises(SigmaError, match=r"requires a gradient.*sigma\.detach\(\)"):
                    aa_ref.downsample(x, 0.5, sigma=wrong)
        with pytest.raises(ScaleError, match=r"requires a gradient.*scale\.detach\(\)"):
            aa_ref.downsample(x, torch.tensor([0.5, 0.25], requires_grad=True))


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")
@pytest.mark.parametrize("sigma", [lambda s: s, lambda s: (s, 1.0)], ids=["one", "each axis"])
def test_no_tangent_of_a_sigma_is_dropped_in_silence(sigma):
    """The derivative in forward mode, of which the tensor itself says nothing."""
    torch = pytest.importorskip("torch")
    x, s = torch.from_numpy(sample(SHAPE)), torch.tensor(1.5)
    with pytest.raises(SigmaError, match=r"requires a gradient.*sigma\.detach\(\)"):
        torch.func.jvp(lambda s: aa_ref.downsample(x, 0.5, sigma=sigma(s)), (s,), (s,))
    _, tangent = torch.func.jvp(lambda x: aa_ref.downsample(x, 0.5, sigma=sigma(s)), (x,), (x,))
    assert torch.equal(tangent, aa_ref.downsample(x, 0.5, sigma=sigma(s)))


@pytest.mark.filterwarnings("ignore:ComplexHalf support:UserWarning")
@pytest.mark.parametrize(
    ("dtype", "said"),
    [
        ("int32", r"x\.to\(torch\.float64\), which loses nothing"),
        ("int16", r"x\.to\(torch\.float32\), which loses nothing"),
        ("bool", r"x\.to\(torch\.float32\), which loses nothing"),
        ("float8_e4m3fn", r"x\.to\(torch\.float32\), which loses nothing"),
        ("int64", r"at most 2\*\*53, write x\.to\(torch\.float64\)"),
        ("complex64", r"x\.real and x\.imag apart, which are float32"),
        ("complex32", r"x\.real and x\.imag apart, which are float16"),
    ],
)
def test_tensors_of_other_types_are_told_a_conversion(dtype, said):
    torch = pytest.importorskip("torch")
    with pytest.raises(DtypeError, match=said):
        aa_ref.downsample(torch.ones(SHAPE).to(getattr(torch, dtype)), 0.5)


@pytest.mark.parametrize("kind", ["i1", "i2", "i4", "u4", "?"])
def test_conversions_that_are_told_lose_nothing(kind):
    dtype = np.dtype(kind)
    ends = [0, 1] if kind == "?" else [np.iinfo(dtype).min, np.iinfo(dtype).max]
    x = np.resize(np.array(ends, dtype), SHAPE)
    line = re.search(r"with (x\..*?\)), which", conversion_of(dtype))[1]
    converted = eval(line, {"x": x})
    assert (converted.astype(object) == x.astype(object)).all()
    aa_ref.downsample(converted, 0.5)


# ----------------------------------------------------------------- the interpreter's ends

AT_EXIT = """
import sys
import numpy as np, aa_ref

class Exporter:
    def __array__(self, dtype=None, copy=None):
        return self.x

class Owner:
    def __init__(self, dtype):
        self.x, self.say, self.library = np.ones({shape}, dtype), sys.stdout.write, aa_ref
        self.counts, self.exporter = self.x > 0, Exporter()
    def __del__(self):
        y = self.library.downsample(self.x, 0.5)
        self.say(f"{{y.shape}} {{y.dtype.char}}\\n")  # its name would be imported
        for mask in (self.x, self.counts):
            z, weight = self.library.downsample_masked(self.x, mask, 0.5)
            self.say(f"{{z.shape == weight.shape == y.shape}}\\n")
        if self.exporter is not None:
            self.exporter.x = self.x
            self.say(f"{{self.library.downsample(self.exporter, 0.5).shape == y.shape}}\\n")

{before}
owners = [Owner(dtype) for dtype in ("float64", "float32", "float16", "uint8", "uint16")]
owners.append(owners)
"""


@pytest.mark.parametrize("shape", [(8, 6), (2, 1200, 1000)], ids=["small", "large"])
@pytest.mark.parametrize("before", ["", "aa_ref.downsample(np.ones((9, 7)), 0.5, backend='numba')"])
def test_calls_from_a_del_work_while_the_interpreter_exits(shape, before):
    code = AT_EXIT.format(shape=shape, before=before)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", timeout=120,
        check=True, cwd=Path(aa_ref.__file__).parents[1],
    )  # fmt: skip
    assert done.stderr == ""
    assert len(re.findall(r"^\(.*\) [dfeBH]$", done.stdout, re.M)) == 5
    assert done.stdout.count("True") == 15
    assert "False" not in done.stdout


def test_tensors_of_a_del_are_filtered_while_the_interpreter_exits():
    """When torch has taken its operators away."""
    pytest.importorskip("torch")
    code = """
import sys
import torch, aa_ref, aa_ref_torch

class Owner:
    def __init__(self):
        self.x, self.layer = torch.ones(1, 3, 8, 6), aa_ref_torch.AntiAliasInterpolation2d(3, 0.5)
        self.say, self.library = sys.stdout.write, aa_ref
    def __del__(self):
        for y in (self.library.downsample(self.x, 0.5), self.layer(self.x),
                  self.library.pyramid(self.x, (1, 0.5))[1],
                  self.library.downsample_adjoint(self.x, 0.5, (15, 12))):
            self.say(f"{tuple(y.shape)}\\n")

owner = Owner()
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", timeout=120, check=True
    )
    assert done.stderr == ""
    assert done.stdout == "(1, 3, 4, 3)\n" * 3 + "(1, 3, 15, 12)\n"


@pytest.mark.parametrize(("value", "told"), [("auto", True), ("0", True), ("2", False)])
def test_threads_in_the_environment_are_looked_at_on_import(value, told, tmp_path):
    script = tmp_path / "program.py"
    script.write_text("x = 1\nimport aa_ref\naa_ref.set_num_threads(1)\n", "utf-8")
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, encoding="utf-8", timeout=120,
        check=True, cwd=Path(aa_ref.__file__).parents[1],
        env={**os.environ, "AA_REF_NUM_THREADS": value, "PYTHONPATH": "."},
    )  # fmt: skip
    expected = f"program.py:2: UserWarning: AA_REF_NUM_THREADS is '{value}'; set a positive integer"
    assert (expected in done.stderr) == told
    assert told or done.stderr == ""


def test_a_suspended_generator_has_its_callers_context():
    """As `limit_threads` says of itself."""

    def limited():
        with aa_ref.limit_threads(1):
            yield

    aa_ref.set_num_threads(2)
    try:
        generator = limited()
        next(generator)
        assert aa_ref.get_num_threads() == 1
        generator.close()
        assert aa_ref.get_num_threads() == 2
    finally:
        aa_ref.set_num_threads(None)
    assert "generator" in aa_ref.limit_threads.__doc__


# ---------------------------------------------------------------------- where samples are


def test_the_picture_of_places_shows_what_plans_and_pillow_say(tmp_path):
    pytest.importorskip("matplotlib")
    pytest.importorskip("PIL")
    docs = Path(aa_ref.__file__).parents[1] / "docs"
    script = docs / "where_are_my_samples.py"
    picture = tmp_path / "places.svg"
    subprocess.run([sys.executable, str(script), str(picture)], check=True, timeout=120)
    assert _drawn(picture) == _drawn(docs / "where-are-my-samples.svg")


def _drawn(path):
    """Return what a picture's markers and texts are, whatever the version of the library."""
    text = path.read_text("utf-8")
    places = re.findall(r'<use xlink:href="#\w+" x="([\d.]+)"', text)
    return [round(float(x)) for x in places], re.findall(r"<text[^>]*>(.*?)</text>", text)
