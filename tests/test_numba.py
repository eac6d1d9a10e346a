"""What the Numba backend promises beyond right bits: compiled once, cached, safe anywhere."""

import math
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from time import sleep
from typing import Any

import numpy as np
import pytest
from cases import Case, cases, gradient
from compiled_code import EVERY, copy_cached, instructions_of
from hypothesis import given
from hypothesis import strategies as st
from numba_processes import ROOT, run_python, small_package, turned_bytes
from numpy.typing import NDArray
from support import assert_same_bits

import aa_ref
from aa_ref.backends.numba import caching, launch, pipelines, steps, variants
from aa_ref.backends.numba.caching import Special
from aa_ref.backends.numba.geometry import Operand, make_geometry
from aa_ref.backends.numba.levels import OCTAVES
from aa_ref.backends.numba.variants import GENERIC

__all__ = ["small_package"]  # a fixture

FUNCTIONS = [(name, t) for name in ("forward", "adjoint") for t in (np.float32, np.float64)]


@pytest.fixture
def four_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Split everything, however little."""
    monkeypatch.setattr(launch, "_LITTLE", -1)
    aa_ref.set_num_threads(4)
    yield
    aa_ref.set_num_threads(None)


# ---------------------------------------------------------------------------------- compiling


@pytest.mark.filterwarnings("ignore:scale .* has stride:UserWarning")
def test_a_scale_never_seen_before_compiles_nothing_new(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(variants, "LITTLE", math.inf)
    x = np.random.default_rng(0).standard_normal((2, 41, 67))
    for t in (np.float32, np.float64):
        y = aa_ref.downsample(x.astype(t), 0.5, backend="numba")
        aa_ref.downsample_adjoint(y, 0.5, x.shape[1:], backend="numba")
    before = {key: f.call.signatures[:] for key, f in caching.compiled_so_far().items()}
    assert before.keys() >= {(*function, GENERIC) for function in FUNCTIONS}
    from numba.core import event

    with event.install_recorder("numba:compile") as compiled:
        for dtype in ("float32", "float64", "float16", "uint8", "uint16"):
            for scale in (0.123, 0.377, Fraction(3, 19)):
                for boundary in ("zeros", "circular"):
                    y = aa_ref.downsample(
                        x.astype(dtype), scale, boundary=boundary, dtype="float32",
                        axes=(0, 2), sigma=1.23, backend="numba",
                    )  # fmt: skip
                    aa_ref.downsample_adjoint(
                        y, scale, (2, 67), boundary=boundary, axes=(0, 2), sigma=1.23,
                        backend="numba",
                    )  # fmt: skip
    assert not compiled.buffer
    after = {key: f.call.signatures for key, f in caching.compiled_so_far().items()}
    assert after == before


@pytest.mark.parametrize(("name", "compute", "variant"), EVERY, ids=str)
def test_machine_code_is_vectorised_and_never_fused(
    name: str, compute: type, variant: Special
) -> None:
    found = instructions_of(name, compute, variant)
    fused = re.compile(r"vfn?m(add|sub)\w*|fmla|fmadd")
    assert not [i for i in found if fused.fullmatch(i)]
    assert [i for i in found if re.fullmatch(r"v?mulp[sd]", i)]


USE = """
    import numpy as np, aa_ref
    x = (np.arange(2 * 9 * 13) % 7).reshape(2, 9, 13).astype({dtype!r})
    y = aa_ref.downsample(x, 0.5, backend="numba")
    print(y.tobytes().hex())
    from aa_ref.backends.numba.caching import compiled_so_far
    (compiled,) = compiled_so_far().values()
    print(compiled.cache_folder, compiled.not_cached, sep="|")
    print(sum(compiled.call.stats.cache_hits.values()))
"""


def expected_bytes(dtype: str) -> str:
    x = (np.arange(2 * 9 * 13) % 7).reshape(2, 9, 13).astype(dtype)
    return str(aa_ref.downsample(x, 0.5, backend="reference").tobytes().hex())


def test_cached_code_is_used() -> None:
    caching.compiled("forward", np.float32)
    values, folder, found = run_python(USE.format(dtype="float32")).split("\n")[:3]
    assert (values, found) == (expected_bytes("float32"), "1")
    assert folder == f"{caching.cache_folder()}|"


@pytest.mark.parametrize(
    ("name", "special"), [("forward", GENERIC), ("adjoint", GENERIC), ("levels", OCTAVES[0])]
)
def test_the_text_of_all_sources_is_part_of_the_caches_key(name: str, special: Special) -> None:
    """Numba's key has the values of a function's closure."""
    closure = caching._function(name, special).__closure__
    assert caching.fingerprint() in [cell.cell_contents for cell in closure]


def test_an_edit_in_a_helper_is_noticed(small_package: Path) -> None:
    use = USE.format(dtype="float32")
    assert run_python(
        """
        from aa_ref.backends import get_backend
        details = get_backend("numba").details()
        print(details.pop("cache folder"))
        print(*set(details.values()))
        """,
        small_package,
    ).splitlines() == [
        str(small_package / "aa_ref/backends/numba/__pycache__"), "not compiled yet",
    ]  # fmt: skip
    for hits in ("0", "1"):
        values, folder, found = run_python(use, small_package).split("\n")[:3]
        assert (values, found) == (turned_bytes(255), hits)
        assert folder.startswith(str(small_package))
    helper = small_package / "aa_ref/backends/numba/turning.py"
    kept, text = helper.stat(), helper.read_text()
    helper.write_text(text.replace("255", "254"))
    values, _, found = run_python(use, small_package).split("\n")[:3]
    assert (values, found) == (turned_bytes(254), "0")
    helper.write_text(text)
    os.utime(helper, ns=(kept.st_atime_ns, kept.st_mtime_ns))
    values, _, found = run_python(use, small_package).split("\n")[:3]
    assert (values, found) == (turned_bytes(255), "1")  # the first code is still there


@pytest.mark.parametrize("first", ["forward", "adjoint"])
def test_cached_and_fresh_code_do_not_mix_up_functions(first: str, tmp_path: Path) -> None:
    """One direction from the cache, the other compiled after it, all types of input and result."""
    code = """
        import numpy as np, aa_ref
        from aa_ref.backends.numba import variants
        variants.LITTLE = 1 << 60  # for the generic functions
        TYPES = ("uint8", "uint16", "float16", "float32", "float64")
        x = (np.arange(6 * 10) % 23).reshape(6, 10)
        for direction in {directions}:
            for dtype in TYPES[2:4] if direction == "adjoint" else TYPES[:4]:
                for result in TYPES:
                    a, b = (
                        aa_ref.downsample(x.astype(dtype), 0.5, dtype=result, backend=backend)
                        if direction == "forward" else
                        aa_ref.downsample_adjoint(
                            x.astype(dtype), 0.5, (11, 20), dtype=result, backend=backend)
                        for backend in ("numba", "numpy")
                    )
                    assert a.tobytes() == b.tobytes(), (direction, dtype, result)
    """
    other = "adjoint" if first == "forward" else "forward"
    environment = {"NUMBA_CACHE_DIR": str(tmp_path)}
    kept = copy_cached(first, np.float32, GENERIC, tmp_path)
    run_python(code.format(directions=(first,)), **environment)
    assert machine_code_in(tmp_path) == kept
    run_python(code.format(directions=(first, other)), **environment)
    assert len(machine_code_in(tmp_path) - kept) == 1


@pytest.mark.parametrize("at", [1, 2, 3])
def test_functions_out_of_a_partly_filled_cache(at: int, tmp_path: Path) -> None:
    """One of several is not in the cache: the first, the second or the third that is needed."""
    code = """
        import numpy as np, aa_ref
        from aa_ref.backends.numba import variants
        from aa_ref.backends.numba.caching import compiled_so_far
        x = (np.arange(37 * 40 * 3) % 23).reshape(37, 40, 3).astype(np.float32)
        variants.LITTLE = 0
        def check():
            for scale in (0.5, 0.25, 0.125):
                a, b = (
                    aa_ref.downsample(x, scale, axes=(0, 1), backend=backend)
                    for backend in ("numba", "numpy")
                )
                assert a.tobytes() == b.tobytes()
        check()
        check()
        print(*[sum(f.call.stats.cache_hits.values()) for f in compiled_so_far().values()])
    """
    octaves = {f.levels[0].row_stride: f for f in OCTAVES if f.width == 3}
    for number, stride in enumerate((2, 4, 8), 1):
        if number != at:
            copy_cached("levels", np.float32, octaves[stride], tmp_path)
    hits = [int(number != at) for number in (1, 2, 3)]
    found = run_python(code, NUMBA_CACHE_DIR=str(tmp_path)).split()
    assert [int(n) for n in found] == hits


def test_another_numba_compiles_in_its_own_way(small_package: Path) -> None:
    """Where these pipelines were not tried, none is used; the bits are the same."""
    assert pipelines.TRIED
    code = """
        import numba
        numba.version_info = numba.version_info._replace(short=(0, 99))
    """
    use = textwrap.dedent(code) + textwrap.dedent(USE.format(dtype="float32"))
    use += textwrap.dedent(
        """
        from aa_ref.backends.numba import compiling
        from aa_ref.backends.numba.caching import Compiled
        from aa_ref.backends.numba.levels import OCTAVES
        assert not any("pipeline_class" in o for o in (compiling.OUTER, compiling.HELPED))
        Compiled("levels", np.float32, OCTAVES[0])
        """
    )
    values, _, hits = run_python(use, small_package).split("\n")[:3]
    assert (values, hits) == (turned_bytes(255), "0")


def machine_code_in(folder: Path) -> set[Path]:
    return set(folder.rglob("*.nbc"))


@pytest.mark.parametrize("trouble", ["no folder", "full disk", "damaged file"])
def test_without_a_cache_it_still_works(small_package: Path, tmp_path: Path, trouble: str) -> None:
    use, environment = USE.format(dtype="float32"), {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    if trouble == "no folder":
        # Files stand where the folders would be made: that stops root, too.
        (small_package / "aa_ref/backends/numba/__pycache__").touch()
        (tmp_path / "home").touch()
        environment = {"NUMBA_CACHE_DIR": "", "XDG_CACHE_HOME": str(tmp_path / "home")}
        environment |= {"HOME": str(tmp_path / "home")}
    elif trouble == "full disk":
        broken = """
            import numba.core.caching as c
            def save(*args): raise OSError(28, "No space left on device")
            c.IndexDataCacheFile.save = save
        """
        use = textwrap.dedent(broken) + textwrap.dedent(use)
    else:
        run_python(use, small_package, **environment)
        for file in (tmp_path / "cache").rglob("*.nbc"):
            file.write_bytes(file.read_bytes()[:1000])
    values, folder, _ = run_python(use, small_package, **environment).split("\n")[:3]
    assert values == turned_bytes(255)
    assert re.match(r"\|\w+: .", folder)


def test_halves_are_right_on_a_processor_without_instructions_for_them() -> None:
    """Compiled for the plainest processor of this kind, in a process of its own."""
    code = """
        import numpy as np, aa_ref, ml_dtypes
        from aa_ref.backends.numba.caching import compiled
        every = np.arange(65_536).astype(np.uint16).reshape(128, 512)
        values = np.random.default_rng(0).integers(0, 2**32, (64, 512), np.uint32).view(np.float32)
        for half in (np.dtype("float16"), np.dtype(ml_dtypes.bfloat16)):
            for x, dtype in ((every.view(half), "float32"), (values, half)):
                for scale in (1, 0.5):
                    a, b = (
                        aa_ref.downsample(x, scale, dtype=dtype, backend=backend)
                        for backend in ("numba", "numpy")
                    )
                    same = a.view(f"u{a.itemsize}") == b.view(f"u{a.itemsize}")
                    assert (same | (np.isnan(a) & np.isnan(b))).all()
        import numba.core.config
        print(numba.core.config.CPU_NAME)
    """
    assert run_python(code, NUMBA_CPU_NAME="generic", NUMBA_CPU_FEATURES="") == "generic\n"


def test_nothing_is_compiled_when_jit_is_disabled() -> None:
    code = """
        import aa_ref, numpy as np
        info = {b.name: b for b in aa_ref.list_backends()}["numba"]
        assert not info.available
        assert "NUMBA_DISABLE_JIT" in info.reason
        try:
            aa_ref.downsample(np.ones((4, 5)), 0.5, backend="numba")
        except aa_ref.errors.BackendUnavailableError as error:
            assert "NUMBA_DISABLE_JIT" in str(error)
        print(aa_ref.downsample(np.ones((4, 5)), 0.5).shape)
    """
    assert run_python(code, NUMBA_DISABLE_JIT="1") == "(2, 3)\n"


# ------------------------------------------------------------------------------------- threads


@pytest.mark.filterwarnings("ignore:scale .* has stride:UserWarning")
@given(case=cases(), threads=st.integers(1, 5))
def test_any_number_of_threads_gives_the_same_bits(case: Case, threads: int) -> None:
    expected = case.run("reference")
    g = gradient(case, case.x.dtype.name if case.x.dtype.kind != "u" else "float32")
    expected_g = case.plan.adjoint(g, backend="reference")
    little = launch._LITTLE
    try:
        launch._LITTLE = -1
        aa_ref.set_num_threads(threads)
        assert_same_bits(case.run("numba"), expected)
        assert_same_bits(case.plan.adjoint(g, backend="numba"), expected_g)
    finally:
        launch._LITTLE = little
        aa_ref.set_num_threads(None)


def photo(*shape: int) -> NDArray[Any]:
    return np.random.default_rng(1).integers(0, 256, shape, np.uint8)


def test_eight_threads_call_a_thousand_times_each(four_threads: None) -> None:
    inputs = [photo(3, 17 + i, 23).astype(t) for i in range(4) for t in ("u1", "f4")]
    expected = [aa_ref.downsample(x, 0.5, backend="numpy") for x in inputs]

    def calls(worker: int) -> int:
        wrong = 0
        for i in range(1000):
            n = (worker + i) % len(inputs)
            wrong += not np.array_equal(
                aa_ref.downsample(inputs[n], 0.5, backend="numba"), expected[n]
            )
        return wrong

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(calls, range(8))) == [0] * 8


def run_process(name: str, *arguments: str) -> list[str]:
    """The lines printed by a script in ``processes/``, which imports only what it needs."""
    result = subprocess.run(
        [sys.executable, str(ROOT / "tests/processes" / name), *arguments],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()


def test_after_a_fork() -> None:
    """The pool's threads are gone in the child; a lock of theirs might have been held."""
    assert run_process("after_a_fork.py") == ["True", "0"] * 10


def test_a_fork_while_compiling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    assert run_process("fork_while_compiling.py") == ["True", "0"]


@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_in_a_torch_data_loader(context: str) -> None:
    assert run_process("data_loader.py", context) == ["True"] * 6


def test_while_the_interpreter_shuts_down() -> None:
    code = """
        import atexit, threading, time
        import numpy as np, aa_ref
        aa_ref.set_num_threads(3)
        x = np.ones((3, 2048, 2048), np.float32)
        expected = aa_ref.downsample(x, 0.5, backend="numba").sum()

        def late(where):
            same = aa_ref.downsample(x, 0.5, backend="numba").sum() == expected
            print(where, same, flush=True)

        atexit.register(late, "atexit")
        threading._register_atexit(late, "while threads end")
        def outlives_main():
            threading.main_thread().join()
            late("after the main thread")
        threading.Thread(target=outlives_main).start()
    """
    assert sorted(run_python(code).splitlines()) == [
        "after the main thread True", "atexit True", "while threads end True",
    ]  # fmt: skip


def test_interrupts_from_signals() -> None:
    """No helper is at work after a call that was interrupted, and no interrupt is lost."""
    assert run_process("interrupts.py", "3") == ["0 0 0", "True"]


def test_threads_that_need_a_function_at_once_compile_it_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[tuple[str, type, Special]] = []

    class Slow:
        def __init__(self, name: str, compute: type, variant: Special) -> None:
            made.append((name, compute, variant))
            sleep(0.1)

    monkeypatch.setattr(caching, "_compiled", {})
    monkeypatch.setattr(caching, "Compiled", Slow)
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda _: caching.compiled("forward", np.float32), range(6)))
    assert made == [("forward", np.float32, GENERIC)]
    assert len(set(map(id, found))) == 1


def test_what_is_kept_of_plans_is_bounded() -> None:
    assert steps.make_steps.cache_info().maxsize == 512


def test_little_work_stays_on_the_calling_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise AssertionError("work was split")

    monkeypatch.setattr(launch, "run_pieces", refuse)
    aa_ref.set_num_threads(4)
    try:
        aa_ref.downsample(photo(3, 256, 256).astype(np.float32), 0.25, backend="numba")
        with pytest.raises(AssertionError, match="split"):
            aa_ref.downsample(photo(3, 2048, 2048).astype(np.float32), 0.25, backend="numba")
    finally:
        aa_ref.set_num_threads(None)


def test_thread_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AA_REF_NUM_THREADS", raising=False)
    assert aa_ref.get_num_threads() == len(os.sched_getaffinity(0))
    monkeypatch.setenv("AA_REF_NUM_THREADS", "3")
    assert aa_ref.get_num_threads() == 3
    aa_ref.set_num_threads(5)
    assert aa_ref.get_num_threads() == 5
    aa_ref.set_num_threads(None)
    assert aa_ref.get_num_threads() == 3


def test_limits_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AA_REF_NUM_THREADS", "6")
    with aa_ref.limit_threads(4):
        assert aa_ref.get_num_threads() == 4
        with aa_ref.limit_threads(9), aa_ref.limit_threads(None):
            assert aa_ref.get_num_threads() == 4
        with ThreadPoolExecutor(1) as pool:  # another thread has limits of its own
            assert pool.submit(aa_ref.get_num_threads).result() == 6
        with pytest.raises(KeyError), aa_ref.limit_threads(2):
            raise KeyError(aa_ref.get_num_threads())
        assert aa_ref.get_num_threads() == 4
    with aa_ref.limit_threads(9):
        assert aa_ref.get_num_threads() == 6
    assert aa_ref.get_num_threads() == 6


# -------------------------------------------------------------------------------------- memory


@pytest.mark.parametrize("forward", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("scale", [0.75, 0.5, 0.25, 0.125, 0.3, 1 / 16, 1 / 64, 0.01])
@pytest.mark.parametrize(
    ("shape", "axes"),
    [((3, 4096, 16_384), (-2, -1)), ((4096, 5461, 3), (0, 1)), ((50_000_000,), (-1,)),
     ((64, 64, 2048), (0, 1)), ((2048, 4096), (0,)), ((4, 4, 16_384), (0, 1)),
     ((100, 33, 2000), (0, 1)), ((64, 64, 4096), (0, 1)), ((16, 16_384, 512), (0, 1))],
)  # fmt: skip
def test_scratch_is_at_most_a_mebibyte_a_thread(
    shape: tuple[int, ...], axes: tuple[int, ...], scale: float, dtype: str, forward: bool
) -> None:
    p = aa_ref.plan(shape, scale, axes=axes, input_dtype=dtype)
    x, y = (
        Operand(dtype, tuple(int(np.prod(s[i + 1 :])) for i in range(len(s))), 0)
        for s in (p.shape, p.out_shape)
    )
    g = make_geometry(p.passes, p.shape, x, y, forward=forward)
    assert g.scratch * p.compute_dtype.itemsize + g.indices * 8 <= 1 << 20


@pytest.mark.parametrize("direction", ["forward", "adjoint"])
@pytest.mark.parametrize(
    ("shape", "axes", "scale"),
    [((3, 1500, 2100), (1, 2), 0.25), ((1500, 2100, 3), (0, 1), 0.25),
     ((4, 4, 16_384), (0, 1), 0.01)],
)  # fmt: skip
def test_peak_memory_is_the_result_and_scratch(
    shape: tuple[int, ...], axes: tuple[int, ...], scale: float, direction: str
) -> None:
    """Nothing of the input's size, whatever its layout."""
    import tracemalloc

    p = aa_ref.plan(shape, scale, axes=axes)
    act, shape = (p, p.shape) if direction == "forward" else (p.adjoint, p.out_shape)
    x = photo(*shape).astype(np.float32)
    act(x, backend="numba")
    tracemalloc.start()
    y = act(x, backend="numba")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak <= y.nbytes + aa_ref.get_num_threads() * (1 << 20)


@pytest.mark.parametrize("length", [2**24 + 41, 2**25 + 300_001, 2**26 + 300_001, 2**31 + 7])
@pytest.mark.parametrize(("scale", "sigma"), [(1, 0.3), (0.5, None), (0.25, None), (0.3, None)])
def test_uneven_blocks_fit_their_lines(length: int, scale: float, sigma: float | None) -> None:
    """Where binary32 rounds positions, a block may reach farther than outputs times step."""
    p = aa_ref.plan((length,), scale, axes=-1, sigma=sigma, sampling="nearest")
    a = p.axes[0]
    g = make_geometry(
        p.passes, p.shape, Operand("float32", (1,), 0), Operand("float32", (1,), 0), forward=True
    ).record[0]
    first = np.arange(0, a.out_length, int(g["columns"]["block"]), dtype=np.int64)
    last = np.minimum(first + int(g["columns"]["block"]), a.out_length) - 1
    reach = a._centres(last) - a._centres(first) + 2 * a.radius + 1
    assert reach.max() <= g["span"]


def test_nearest_far_beyond_two_to_the_24() -> None:
    x = np.random.default_rng(0).integers(0, 256, 2**26 + 300_001, np.uint8)
    y, expected = (
        aa_ref.downsample(x, 0.5, axes=-1, sampling="nearest", backend=backend)
        for backend in ("numba", "numpy")
    )
    assert_same_bits(y, expected)
