"""What ``backend=None`` means: NumPy serves, while Numba is loaded and compiled beside it."""

import subprocess
import sys
import textwrap
from pathlib import Path
from time import monotonic, sleep
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from compiled_code import EVERY, copy_cached
from numba_processes import run_python, small_package, turned_bytes

import aa_ref
from aa_ref.backends.numba import ahead, caching, launch, variants
from aa_ref.backends.numba.variants import GENERIC

__all__ = ["small_package"]  # a fixture

PATIENT = 100  # seconds for what takes 5 on an idle machine

CALLS = """
    import sys, time
    import numpy as np, aa_ref
    from aa_ref.backends import loading
    loading._SOON = 0
    x = (np.arange(2 * 9 * 13) % 7).reshape(2, 9, 13).astype(np.float32)
    call = lambda: aa_ref.downsample(x, 0.5).tobytes().hex()
    by_numpy = aa_ref.downsample(x, 0.5, backend="numpy").tobytes().hex()

    def until(done):
        end = time.monotonic() + 100
        while not done():
            assert time.monotonic() < end
            time.sleep(0.01)

    assert call() == by_numpy
    until(lambda: "numba" in aa_ref.backends._loaded)
    from aa_ref.backends.numba import ahead, caching, variants
"""
"""In `small_package` compiled functions turn bits round, so results tell who made them."""


def numba_files(folder: Path) -> set[Path]:
    return set(folder.rglob("*.nbc"))


@pytest.mark.parametrize(("name", "compute", "special"), EVERY, ids=str)
def test_another_process_learns_which_function_is_meant(
    name: str, compute: type, special: caching.Special
) -> None:
    function = name, compute, special
    again = ahead.from_text(ahead.to_text(function))
    assert again == function
    assert list(map(type, again)) == list(map(type, function))


def test_another_process_compiles(small_package: Path) -> None:
    """NumPy serves until it has; this one then takes the code from the cache."""
    code = """
        compiled, original = [], caching.Compiled
        def noting(*function):
            made = original(*function)
            compiled.append((*function, sum(made.call.stats.cache_hits.values())))
            return made
        caching.Compiled = noting
        assert call() == by_numpy
        until(lambda: set(ahead._workshop.stage.values()) == {"missing"})
        assert call() == by_numpy and not compiled  # so little work is not worth it
        variants.LITTLE = 0
        until(lambda: call() != by_numpy)
        print(call(), compiled == [("forward", np.float32, variants.GENERIC, 1)])
    """
    answers = run_python(textwrap.dedent(CALLS) + textwrap.dedent(code), small_package).split()
    assert answers == [turned_bytes(255), "True"]


def test_what_is_in_the_cache_is_loaded_for_little_work(tmp_path: Path) -> None:
    copy_cached("forward", np.float32, GENERIC, tmp_path)
    before = numba_files(tmp_path)
    code = """
        until(lambda: call() == by_numpy and caching.compiled_so_far())
        (compiled,) = caching.compiled_so_far().values()
        print(sum(compiled.call.stats.cache_hits.values()), call() == by_numpy)
    """
    code = textwrap.dedent(CALLS) + textwrap.dedent(code)
    assert run_python(code, NUMBA_CACHE_DIR=str(tmp_path)).split() == ["1", "True"]
    assert numba_files(tmp_path) == before


def test_the_process_may_end_meanwhile(small_package: Path) -> None:
    """While it imports, and while another one compiles, which goes on; nothing is said."""
    cache = small_package / "cache"
    cache.mkdir()
    environment = {"NUMBA_CACHE_DIR": str(cache)}
    loads, _, _ = textwrap.dedent(CALLS).partition("assert call()")
    run_python(loads + "call()", small_package, **environment)
    code = """
        variants.LITTLE = 0
        def started():
            call()
            return "ordered" in ahead._workshop.stage.values()
        until(started)
        time.sleep(0.2)
    """
    run_python(textwrap.dedent(CALLS) + textwrap.dedent(code), small_package, **environment)
    end = monotonic() + PATIENT
    while not numba_files(cache):
        assert monotonic() < end
        sleep(0.05)


def test_two_processes_at_once(small_package: Path) -> None:
    code = textwrap.dedent(CALLS) + textwrap.dedent(
        """
        variants.LITTLE = 0
        until(lambda: call() != by_numpy)
        """
    )
    both = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", code], cwd=small_package, stderr=subprocess.PIPE
        )
        for _ in range(2)
    ]
    assert [(p.communicate()[1], p.returncode) for p in both] == [(b"", 0)] * 2


NOWHERE: list[tuple[str, str]] = [
    ("no folder", 'caching.cache_folder = ahead.cache_folder = lambda: "none: no room"'),
    ("nothing was kept", "ahead.start = lambda functions: ahead.Elsewhere([sys.executable, '-V'], "
     "stdout=ahead.DEVNULL)"),
    ("no other process", "sys.executable = ''"),
]  # fmt: skip


@pytest.mark.parametrize(("label", "trouble"), NOWHERE, ids=[c[0] for c in NOWHERE])
def test_without_a_cache_numpy_serves_short_runs(
    label: str, trouble: str, small_package: Path
) -> None:
    """It is told once, with what to do; after much work this process compiles after all."""
    code = f"""
        import warnings
        variants.LITTLE = 0
        {trouble}
        told = []
        warnings.showwarning = lambda message, *_, **__: told.append(str(message))
        warnings.simplefilter("always")
        until(lambda: call() == by_numpy and told)
        for _ in range(20):
            assert call() == by_numpy
        print(len(told), told[0])
        ahead._LONG = 0
        until(lambda: call() != by_numpy)
    """
    told = run_python(textwrap.dedent(CALLS) + textwrap.dedent(code), small_package)
    assert told.startswith("1 compiled code cannot be kept (")
    assert "set NUMBA_CACHE_DIR to a folder that can be written" in told


@pytest.mark.parametrize("moment", ["while importing", "while another process compiles"])
def test_a_fork_meanwhile(moment: str, small_package: Path) -> None:
    loads, _, _ = textwrap.dedent(CALLS).partition("assert call()")
    code = """
        import multiprocessing
        def child(answers):
            until(lambda: "numba" in aa_ref.backends._loaded or not call())
            from aa_ref.backends.numba import variants
            variants.LITTLE = 0
            until(lambda: call() != by_numpy)
            answers.put(call())
        context = multiprocessing.get_context("fork")
        answers = context.Queue()
        process = context.Process(target=child, args=(answers,))
        {before}
        process.start()
        print(answers.get(timeout=100), call() in (by_numpy, answers))
        process.join(100)
        print(process.exitcode)
    """
    before = "call()" if moment == "while importing" else "variants.LITTLE = 0; call(); call()"
    start = loads if moment == "while importing" else textwrap.dedent(CALLS)
    answers = run_python(start + textwrap.dedent(code).format(before=before), small_package).split()
    assert (answers[0], answers[-1]) == (turned_bytes(255), "0")


def test_a_large_call_waits_until_numba_is_loaded(small_package: Path) -> None:
    """NumPy would take longer; one that is larger still waits for the compiler."""
    code = """
        import sys
        import numpy as np, aa_ref
        from aa_ref.backends import loading
        x = np.ones((9, 14), np.float32)
        p = aa_ref.plan(x.shape, 0.5)
        loading._AT_ONCE = p.multiplications
        {waits}
        y = p(x)
        print("numba" in aa_ref.backends._loaded, (y != p(x, backend="numpy")).all())
    """
    for waits, answers in (
        ("", ["True", "False"]),
        ("from aa_ref.backends.numba import launch; launch._WAITS = 0", ["True", "True"]),
    ):
        assert run_python(code.format(waits=waits), small_package).split() == answers


def test_callers_by_name_get_what_they_ask_for(small_package: Path) -> None:
    code = """
        import numpy as np, aa_ref
        x = np.ones((9, 14), np.float32)
        y = aa_ref.downsample(x, 0.5, backend="numba")
        print((y != aa_ref.downsample(x, 0.5, backend="numpy")).all())
        print((y == aa_ref.downsample(x, 0.5)).all())
    """
    assert run_python(code, small_package).split() == ["True", "True"]


def test_special_functions_are_taken_once_they_are_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    ready: set[Any] = {("forward", np.float32, GENERIC)}
    ran: list[Any] = []

    def note(name: str, compute: type, special: Any = GENERIC) -> Any:
        call = caching.compiled(name, compute, special).call
        return SimpleNamespace(call=lambda *given: ran.append(special) or call(*given))

    monkeypatch.setattr("aa_ref.ready._on_host", {})
    monkeypatch.setattr(variants, "LITTLE", 0)
    monkeypatch.setattr(launch, "request", lambda function, work: asked.append(function))
    monkeypatch.setattr(launch, "is_ready", lambda *function: (*function, GENERIC)[:3] in ready)
    monkeypatch.setattr(launch, "is_cached", lambda *function: False)
    monkeypatch.setattr(launch, "compiled", note)
    aa_ref.backends.get_backend("numba")
    x = np.ones((2, 40, 50), np.float32)
    p = aa_ref.plan(x.shape, 0.5)
    (_, special) = launch.functions_of(p, "forward")
    p(x)
    assert (asked, ran) == ([special], [GENERIC])
    ready.add(special)
    p(x)
    p(x)
    assert (asked, ran) == ([special], [GENERIC, special[2], special[2]])
    p(x, backend="numba")
    assert ran[-1] == special[2]
    aa_ref.downsample_adjoint(p(x), 0.5, x.shape[1:])
    assert asked[1:] == [("adjoint", np.float32, GENERIC)]


def test_what_calls_will_run() -> None:
    plans = [aa_ref.plan((40, 50, 3), s, axes=(0, 1), input_dtype="uint8") for s in (0.5, 0.25)]
    for direction in ("forward", "adjoint"):
        any_plan, special = launch.functions_of(plans[0], direction)  # type: ignore[arg-type]
        assert any_plan == (direction, np.float32, GENERIC)
        assert special[0] == ("levels" if direction == "forward" else "adjoint")
    ((name, compute, levels),) = launch.functions_of_levels(tuple(plans))
    assert (name, compute, len(levels.levels)) == ("levels", np.float32, 2)
    assert launch.functions_of(aa_ref.plan((50,), 0.3, axes=0), "forward") == [
        ("forward", np.float32, GENERIC)
    ]
