"""Pyramids on disk: bits, metadata, inputs, and folders that are there whole or not at all."""

import pickle
import warnings
from fractions import Fraction

import dask.array as da
import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import given
from hypothesis import strategies as st
from ome_zarr.format import FormatV04, FormatV05
from ome_zarr.io import parse_url
from ome_zarr.reader import Reader
from ome_zarr_models.v05.image import Image as OmeImage
from PIL import Image
from support import assert_same_bits, sample

import aa_ref
from aa_ref_dask import sources, write_pyramid
from aa_ref_dask.calibration import unit_named
from aa_ref_dask.errors import SourceError

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # of a class of its own, when imported
    from ome_zarr.writer import write_image, write_labels

pytestmark = pytest.mark.filterwarnings("ignore:scale .* has stride:UserWarning")

SCALES = (1, 0.5, Fraction(1, 4))
SHAPE = (3, 2, 53, 41)
UM = "micrometer"
KINDS = ("time", "channel", "space", "space")


def npy(folder, x):
    np.save(folder / "in.npy", x)
    return folder / "in.npy", {"dims": "tcyx"}


def fortran_npy(folder, x):
    return npy(folder, np.asfortranarray(x))


def zarr_3(folder, x):
    names = ["t", "c", "y", "x"]
    zarr.create_array(folder / "in.zarr", data=x, chunks=(1, 2, 20, 17), dimension_names=names)
    return folder / "in.zarr", {}


def sharded(folder, x):
    zarr.create_array(folder / "in.zarr", data=x, chunks=(1, 1, 10, 41), shards=(1, 2, 30, 41))
    return str(folder / "in.zarr"), {"dims": "t,c,y,x"}


def zarr_2(folder, x):
    big = x.astype(x.dtype.newbyteorder(">"))
    z = zarr.create_array(folder / "in.zarr", data=big, chunks=(2, 1, 53, 8), zarr_format=2)
    z.attrs["_ARRAY_DIMENSIONS"] = ["t", "c", "y", "x"]
    return folder / "in.zarr", {}


def zarr_array(folder, x):
    path, options = zarr_3(folder, x)
    return zarr.open_array(path, mode="r"), options


def dask_array(folder, x):
    return da.from_array(x, chunks=(2, 1, 7, 41), name=False), {"dims": ("t", "c", "y", "x")}


def numpy_array(folder, x):
    return x, {"dims": "tcyx"}


def ome_zarr(folder, x, version=FormatV05, labelled=False):
    """An image as ome-zarr writes it, with its own spacings, channels and, if wanted, labels."""
    version = version()
    root = zarr.create_group(folder / "in.ome.zarr", zarr_format=version.zarr_format)
    write_image(
        x, root, fmt=version, axes="tcyx", scale_factors=[2], name="cells",
        scale={"t": 1.5, "c": 1.0, "y": 0.25, "x": 0.5},
        axes_units={"t": "second", "y": UM, "x": UM},
    )  # fmt: skip
    channel = {"color": "00FF00", "window": {"start": 0, "end": 255, "min": 0, "max": 65535}}
    said = dict(root.attrs.get("ome", root.attrs.asdict()))
    said["omero"] = {"channels": [channel, channel]}
    transforms = said["multiscales"][0]["datasets"][0]["coordinateTransformations"]
    transforms[1:] = [{"type": "translation", "translation": [0, 0, 10.0, -3.125]}]
    root.attrs.update({"ome": said} if "ome" in root.attrs else said)
    if labelled:
        numbers = np.arange(x[:, :1].size, dtype="u4").reshape(x[:, :1].shape)
        write_labels(
            numbers, root, "nuclei", scaler=None, fmt=version, axes="tcyx", scale_factors=[2]
        )
    return folder / "in.ome.zarr", {}


def ome_zarr_04(folder, x):
    return ome_zarr(folder, x, FormatV04)


def ome_tiff(folder, x):
    metadata = {
        "axes": "TCYX", "PhysicalSizeX": 0.5, "PhysicalSizeXUnit": "µm", "PhysicalSizeY": 250,
        "PhysicalSizeYUnit": "nm", "TimeIncrement": 1.5, "TimeIncrementUnit": "s",
    }  # fmt: skip
    tifffile.imwrite(folder / "in.ome.tif", x, metadata=metadata, tile=(16, 16))
    return folder / "in.ome.tif", {}


def imagej_tiff(folder, x):
    metadata = {"axes": "TCYX", "unit": "um", "finterval": 1.5}
    tifffile.imwrite(folder / "in.tif", x, imagej=True, metadata=metadata, resolution=(2.0, 4.0))
    return folder / "in.tif", {}


def deflated_tiff(folder, x):
    tifffile.imwrite(
        folder / "in.tif", x, compression="zlib", rowsperstrip=9, metadata={"axes": "TCYX"}
    )
    return folder / "in.tif", {}


INPUTS = [
    npy, fortran_npy, zarr_3, sharded, zarr_2, zarr_array, dask_array, numpy_array, ome_zarr,
    ome_zarr_04, ome_tiff, imagej_tiff, deflated_tiff,
]  # fmt: skip
CALIBRATED = {
    # spacings and units along t, c, y, x; offsets
    ome_zarr: ((1.5, 1, 0.25, 0.5), ("second", None, UM, UM), (0, 0, 10, -3.125)),
    ome_zarr_04: ((1.5, 1, 0.25, 0.5), ("second", None, UM, UM), (0, 0, 10, -3.125)),
    ome_tiff: ((1.5, 1, 250, 0.5), ("second", None, "nanometer", UM), (0, 0, 0, 0)),
    imagej_tiff: ((1.5, 1, 0.25, 0.5), ("second", None, UM, UM), (0, 0, 0, 0)),
}


def levels_of(path):
    """The levels as plain Zarr has them, after ome-zarr has found the same."""
    group = zarr.open_group(path, mode="r")
    levels = [group[d["path"]][:] for d in group.attrs["ome"]["multiscales"][0]["datasets"]]
    (image, *_) = Reader(parse_url(str(path), mode="r"))()
    assert len(image.data) == len(levels)
    for ours, theirs in zip(levels, image.data, strict=True):
        assert_same_bits(ours, theirs.compute(scheduler="sync"))
    OmeImage.from_zarr(group)
    return levels


def positions(group, level):
    """What a level's metadata says: spacings and offsets."""
    dataset = group.attrs["ome"]["multiscales"][0]["datasets"][level]
    scale, translation = dataset["coordinateTransformations"]
    assert (scale["type"], translation["type"]) == ("scale", "translation")
    return scale["scale"], translation["translation"]


@pytest.mark.parametrize("make", INPUTS)
def test_inputs(tmp_path, make):
    x = sample(SHAPE, "uint16")
    source, options = make(tmp_path, x)
    before = sorted(tmp_path.iterdir())
    group = write_pyramid(source, tmp_path / "o.ome.zarr", SCALES, backend="numpy", **options)
    assert sorted(tmp_path.iterdir()) == sorted([*before, tmp_path / "o.ome.zarr"])
    expected = aa_ref.pyramid(x, SCALES, boundary="reflect", backend="reference")
    for ours, theirs in zip(levels_of(tmp_path / "o.ome.zarr"), expected, strict=True):
        assert_same_bits(ours, theirs)

    spacings, units, offsets = CALIBRATED.get(make, ((1, 1, 1, 1), (None,) * 4, (0, 0, 0, 0)))
    (multiscale,) = group.attrs["ome"]["multiscales"]
    assert multiscale["axes"] == [
        {"name": name, "type": kind} | ({"unit": unit} if unit else {})
        for name, kind, unit in zip("tcyx", KINDS, units, strict=True)
    ]
    for level, factor in enumerate((1, 2, 4)):
        expected = [s * (factor if i > 1 else 1) for i, s in enumerate(spacings)]
        assert positions(group, level) == (expected, list(offsets))
        assert group[str(level)].metadata.dimension_names == ("t", "c", "y", "x")
    assert multiscale["metadata"]["kwargs"] == {
        "scales": [1, 0.5, "1/4"], "axes": ["y", "x"], "sigma": None, "boundary": "reflect",
        "sampling": "slice",
    }  # fmt: skip


@pytest.mark.parametrize("version", [FormatV04, FormatV05])
def test_what_an_image_says_is_kept(tmp_path, version):
    source, _ = ome_zarr(tmp_path, sample(SHAPE, "uint16"), version, labelled=True)
    root = zarr.open_group(source, mode="r+")
    ome = dict(root.attrs.get("ome", root.attrs.asdict()))
    whole = [{"type": "scale", "scale": [2.0, 1.0, 1.0, 1.0]}]
    ome["multiscales"][0]["coordinateTransformations"] = whole
    root.attrs.update({"ome": ome} if "ome" in root.attrs else ome)
    group = write_pyramid(source, tmp_path / "o.ome.zarr", (0.5,), backend="numpy")

    (image, *others) = Reader(parse_url(str(tmp_path / "o.ome.zarr"), mode="r"))()
    assert image.metadata["name"] == "cells"
    said = group.attrs["ome"]
    assert said["version"] == "0.5"
    assert said["omero"] == ome["omero"]
    assert said["multiscales"][0]["coordinateTransformations"] == whole
    assert any("nuclei" in node.zarr.basename() for node in others)
    assert group["labels"].attrs["ome"]["labels"] == ["nuclei"]
    for path in ("nuclei/0", "nuclei/1") if "nuclei/0" in root["labels"] else ("nuclei/s0",):
        ours, theirs = (g["labels"][path] for g in (group, root))
        assert ours.metadata.zarr_format == 3
        np.testing.assert_array_equal(ours[:], theirs[:])
        assert ours.dtype == theirs.dtype
    theirs = root["labels/nuclei"].attrs.asdict()
    theirs = theirs.get("ome", theirs)
    for entry in (theirs["image-label"], *theirs["multiscales"]):
        entry.pop("version", None)  # which version 0.5 has once, for all
    for key in ("multiscales", "image-label"):
        assert theirs[key] == group["labels/nuclei"].attrs["ome"][key]


@pytest.mark.parametrize(
    ("scale", "sampling", "spacing", "offset"),
    [
        (0.25, "slice", 4, 0),
        (0.4, "slice", 2, 0),  # the stride is int(2.5)
        (0.25, "nearest", 4, 0),
        (0.4, "nearest", 2.5, -0.25),  # centres 0, 2, 5, 7
        (Fraction(1, 3), "nearest", 3, 0),
        (1, "nearest", 1, 0),
    ],
)
def test_where_samples_lie(tmp_path, scale, sampling, spacing, offset):
    x = sample((60, 70))
    group = write_pyramid(x, tmp_path / "o.zarr", [scale], sampling=sampling, backend="numpy")
    assert positions(group, 0) == ([spacing] * 2, [offset] * 2)
    centres = aa_ref.plan(x.shape, scale, sampling=sampling).axes[0].centres
    off = offset + np.arange(len(centres)) * spacing - centres
    assert abs(off).max() == -off.min() == abs(offset)


def test_axes_of_other_orders_are_transposed_and_filtered_by_name(tmp_path):
    x = sample((50, 40, 3), "uint8")
    tifffile.imwrite(tmp_path / "rgb.tif", x, photometric="rgb")
    for i, (source, dims) in enumerate([(x, "yxc"), (tmp_path / "rgb.tif", None)]):
        path = tmp_path / f"{i}.zarr"
        group = write_pyramid(source, path, [(0.5, 0.25)], dims=dims, axes="xy", backend="numpy")
        assert [a["name"] for a in group.attrs["ome"]["multiscales"][0]["axes"]] == list("cyx")
        expected = aa_ref.downsample(
            np.moveaxis(x, 2, 0), (0.25, 0.5), axes=(1, 2), boundary="reflect", backend="numpy"
        )
        assert_same_bits(*levels_of(path), expected)
        assert positions(group, 0)[0] == [1, 4, 2]


@given(st.data())
def test_bits_chunks_and_shards(tmp_path_factory, data):
    """Whatever blocks come in and whatever chunks and shards are written, tasks share no file."""
    folder = tmp_path_factory.mktemp("pyramid")
    shape = data.draw(st.tuples(*[st.integers(1, 3), st.integers(9, 60), st.integers(9, 60)]))
    sizes = st.tuples(*[st.integers(1, n) for n in (2, 40, 40)])
    chunks, stored = data.draw(sizes), data.draw(sizes)
    shards = data.draw(st.none() | st.tuples(*[st.integers(1, 3)] * 3))
    if shards is not None:
        shards = tuple(s * c for s, c in zip(shards, stored, strict=True))
    options = {
        "boundary": data.draw(st.sampled_from(["zeros", "replicate", "reflect", "circular"])),
        "sampling": data.draw(st.sampled_from(["slice", "nearest"])),
        "backend": "numpy",
    }
    scales = data.draw(st.lists(st.sampled_from([1, 0.5, 0.4, 0.3, 0.25]), min_size=1, unique=True))
    scales.sort(reverse=True)
    x = sample(shape)
    group = write_pyramid(
        da.from_array(x, chunks=chunks, name=False), folder / "o.zarr", scales,
        dims="zyx", chunks=stored, shards=shards, **options,
    )  # fmt: skip
    for i, expected in enumerate(aa_ref.pyramid(x, scales, **options)):
        assert_same_bits(group[str(i)][:], expected)
        assert all(map(int.__le__, group[str(i)].chunks, stored))


def test_each_block_is_read_once_for_all_levels(tmp_path, monkeypatch):
    x = sample((4, 60, 70))
    np.save(tmp_path / "x.npy", x)
    monkeypatch.setattr(sources, "_BLOCK", 70 * 25 * 4)
    read = np.zeros(x.shape, int)
    before = sources.Blocks.__getitem__

    def counted(self, index):
        if self is not None and all(s.stop > s.start for s in index):
            read[index] += 1
        return before(self, index)

    monkeypatch.setattr(sources.Blocks, "__getitem__", counted)
    write_pyramid(tmp_path / "x.npy", tmp_path / "o.zarr", (1, 0.5, 0.25, 0.125), dims="tyx")
    assert read.min() == read.max() == 1


def test_sizes_of_chunks(tmp_path):
    wide, deep = da.zeros((2, 1500, 2000), dtype="u1"), da.zeros((100, 150, 200), dtype="u1")
    few, some = (
        zarr.create_array(tmp_path / f"{n}.zarr", shape=(300, 400), chunks=(n, n), dtype="u1")
        for n in (50, 128)
    )
    for i, (x, options, chunks) in enumerate(
        [
            (wide, {"dims": "cyx"}, (1, 1024, 1024)),
            (deep, {"dims": "zyx", "axes": "zyx"}, (64, 128, 128)),
            (few, {}, (300, 400)),
            (some, {}, (128, 128)),
            (some, {"chunks": (64, 32), "shards": (128, 512)}, (64, 32)),
        ]
    ):
        group = write_pyramid(x, tmp_path / f"{i}.zarr", [1], backend="numpy", **options)
        assert group["0"].chunks == chunks
    assert group["0"].shards == (128, 416)


def test_blocks_can_be_pickled(tmp_path):
    x = sample(SHAPE, "uint16")
    for make in (npy, zarr_3, ome_tiff):
        folder = tmp_path / make.__name__
        folder.mkdir()
        source, options = make(folder, x)
        opened = sources.open_source(source, options.get("dims"))
        again = pickle.loads(pickle.dumps(opened.array))
        np.testing.assert_array_equal(again[1:2, :, 3:9, 4:7], x[1:2, :, 3:9, 4:7])
        again.close()
        opened.close()


class Broken(Exception):
    pass


def broken(block, block_info=None):
    if block_info and block_info[0]["chunk-location"] == (2, 0):
        raise Broken
    return block


def test_a_failure_leaves_what_was_there(tmp_path):
    path = tmp_path / "o.zarr"
    x = da.ones((40, 30), chunks=(10, 30), dtype="f4")
    bad = x.map_blocks(broken, dtype="f4")
    with pytest.raises(Broken):
        write_pyramid(bad, path, [0.5], backend="numpy")
    assert list(tmp_path.iterdir()) == []
    write_pyramid(x, path, [0.5], backend="numpy")
    with pytest.raises(Broken):
        write_pyramid(bad, path, [0.25], overwrite=True, backend="numpy")
    assert [p.name for p in tmp_path.iterdir()] == ["o.zarr"]
    assert zarr.open_group(path, mode="r")["0"].shape == (20, 15)
    write_pyramid(2 * x, path, [0.25], overwrite=True, backend="numpy")
    assert [p.name for p in tmp_path.iterdir()] == ["o.zarr"]
    assert zarr.open_group(path, mode="r")["0"].shape == (10, 8)


def test_a_damaged_chunk_is_named(tmp_path):
    path, _ = zarr_3(tmp_path, sample(SHAPE, "uint16"))
    (path / "c/0/0/1/1").write_bytes(b"damaged")
    with pytest.raises(SourceError, match=r"cannot read .*in\.zarr at 0:"):
        write_pyramid(path, tmp_path / "o.zarr", [0.5])
    assert [p.name for p in tmp_path.iterdir()] == ["in.zarr"]


def libtiff_stack(path, description=None):
    """Ten images, each with its samples before its tags, as libtiff writes them."""
    first, *others = (Image.fromarray(x) for x in sample((10, 60, 70), "uint8"))
    first.save(
        path, save_all=True, append_images=others, compression="tiff_deflate",
        tiffinfo={270: description} if description else {},
    )  # fmt: skip
    return path.read_bytes()


@pytest.mark.parametrize("part", [0.35, 0.6, 0.9])
def test_a_stack_that_is_cut_off_is_no_shorter_stack(tmp_path, part):
    whole = libtiff_stack(tmp_path / "in.tif")
    write_pyramid(tmp_path / "in.tif", tmp_path / "whole.zarr", [1], dims="zyx")
    (tmp_path / "in.tif").write_bytes(whole[: int(part * len(whole))])
    with pytest.raises(SourceError, match=r"in\.tif: it is cut off or damaged; after image \d "):
        write_pyramid(tmp_path / "in.tif", tmp_path / "o.zarr", [1], dims="zyx")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.tif", "whole.zarr"]


def test_images_that_ome_xml_tells_of_are_there(tmp_path):
    planes = "".join(f'<TiffData IFD="{i}" FirstZ="{i}" PlaneCount="1"/>' for i in range(10))
    for length in (10, 12):
        libtiff_stack(
            tmp_path / f"{length}.ome.tif",
            '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
            '<Image ID="Image:0"><Pixels DimensionOrder="XYZCT" ID="Pixels:0" SizeX="70" '
            f'SizeY="60" SizeZ="{length}" SizeC="1" SizeT="1" Type="uint8">{planes}</Pixels>'
            "</Image></OME>",
        )
    write_pyramid(tmp_path / "10.ome.tif", tmp_path / "o.zarr", [0.5])
    with pytest.raises(SourceError, match=r"ZYX \(12, 60, 70\) is said to be in it, and images"):
        write_pyramid(tmp_path / "12.ome.tif", tmp_path / "p.zarr", [0.5])


def touch(folder, name, content=b"x"):
    (folder / name).write_bytes(content)
    return folder / name


def group_of(folder, attributes):
    zarr.create_group(folder / "g.zarr", attributes=attributes)
    return folder / "g.zarr"


def several_tiffs(folder):
    with tifffile.TiffWriter(folder / "several.tif") as file:
        for _ in range(3):
            file.write(np.zeros((20, 30), "u1"), compression="zlib")
    return folder / "several.tif"


X = np.zeros((20, 30), np.float32)
OLD = {"ome": {"multiscales": [{"axes": ["y", "x"], "datasets": [{"path": "0"}]}]}}


@pytest.mark.parametrize(
    ("make", "options", "error", "words"),
    [
        (lambda _: np.zeros((3, 20, 30)), {}, SourceError, ["3 axes", "dims='zyx'"]),
        (lambda _: X, {"dims": "zyx"}, aa_ref.errors.AxesError, ["3 name(s)", "2 axes"]),
        (lambda _: X, {"dims": "xx"}, aa_ref.errors.AxesError, ["twice"]),
        (lambda _: X, {"axes": "zy"}, aa_ref.errors.AxesError, ["'z'", "y, x"]),
        (lambda _: X, {"axes": (0, 5)}, aa_ref.errors.AxesError, ["no axis 5"]),
        (lambda _: X, {"axes": "yy"}, aa_ref.errors.AxesError, ["twice"]),
        (lambda _: X, {"dims": "ty"}, SourceError, ["does not take these axes", "t (time)"]),
        (lambda _: X, {"scales": (0.25, 0.5)}, aa_ref.errors.ScaleError, ["largest first"]),
        (lambda _: X, {"scales": 0.5}, aa_ref.errors.ScaleError, ["one scale for each level"]),
        (lambda _: X, {"scales": [2]}, aa_ref.errors.ScaleError, ["1/2"]),
        (lambda _: X, {"dtype": "bfloat16"}, aa_ref.errors.DtypeError, ["float32"]),
        (lambda _: X.astype("i4"), {}, aa_ref.errors.DtypeError, ["int32"]),
        (lambda _: X, {"chunks": (8,)}, aa_ref.errors.ShapeError, ["each of 2 axes"]),
        (lambda _: X, {"chunks": (8, 8), "shards": (8, 9)}, aa_ref.errors.ShapeError, ["divide"]),
        (lambda _: [1, 2], {}, SourceError, ["list", "pass a path"]),
        (lambda d: d / "missing.npy", {}, SourceError, ["No such file"]),
        (lambda d: touch(d, "x.txt"), {}, SourceError, ["no .npy, no TIFF and no folder of Zarr"]),
        (lambda d: touch(d, "x.npy", b"\x93NUMPY\1\0"), {}, SourceError, ["cannot read"]),
        (lambda d: touch(d, "x.tif", b"II*\0\0\0\0\0"), {}, SourceError, ["cannot read"]),
        (lambda d: d, {}, SourceError, ["no Zarr array or group"]),
        (lambda d: group_of(d, {"plate": {}}), {}, SourceError, ["no OME-Zarr image", "nothing"]),
        (lambda d: group_of(d, OLD), {}, SourceError, ["not as versions 0.4 and 0.5 want it"]),
        (several_tiffs, {}, SourceError, ["3 images"]),
    ],
)  # fmt: skip
def test_errors(tmp_path, make, options, error, words):
    source = make(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(error) as caught:
        write_pyramid(source, tmp_path / "o.zarr", **{"scales": [0.5], **options})
    for word in words:
        assert word in str(caught.value)
    assert sorted(tmp_path.rglob("*")) == before


def test_what_may_be_replaced(tmp_path):
    (tmp_path / "mine").mkdir()
    touch(tmp_path / "mine", "thesis.tex")
    touch(tmp_path, "file")
    source = zarr_3(tmp_path, sample(SHAPE))[0]
    (tmp_path / "link").symlink_to(source)
    for name, overwrite, words in [
        ("mine", False, "overwrite=True"),
        ("mine", True, "no folder of Zarr"),
        ("file", True, "no folder of Zarr"),
        ("link", True, "no folder of Zarr"),
        ("in.zarr", True, "one within the other"),
        ("in.zarr/inner", False, "one within the other"),
    ]:
        with pytest.raises(FileExistsError, match=words):
            write_pyramid(source, tmp_path / name, overwrite=overwrite)
    with pytest.raises(FileNotFoundError, match="no folder"):
        write_pyramid(source, tmp_path / "missing" / "o.zarr")
    assert {p.name for p in tmp_path.iterdir()} == {"mine", "file", "link", "in.zarr"}
    assert (tmp_path / "mine" / "thesis.tex").read_bytes() == b"x"


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("µm", UM), ("\u03bcm", UM), ("\\u00B5m", UM), ("um", UM), ("micron", UM),
        ("nm", "nanometer"), ("micrometer", UM), ("Å", "angstrom"), ("ms", "millisecond"),
        ("pixel", None), ("", None),
    ],
)  # fmt: skip
def test_units(text, unit):
    assert unit_named(text) == unit
