"""How much memory there is, and how much a case takes."""

import pytest
from bench_helpers import case

from aa_ref.bench import memory
from aa_ref.bench.memory import available_memory, needed_memory

MIB = 1 << 20


@pytest.fixture
def system(tmp_path):
    """Files of a machine with 2 GiB left, and no group with a limit."""
    info, groups, own = tmp_path / "meminfo", tmp_path / "cgroup", tmp_path / "self"
    info.write_text(f"MemTotal: 9999999 kB\nMemAvailable:   {2 << 20} kB\n")
    own.write_text("0::/\n")
    write(groups, max="max", current=str(5 * MIB))
    return info, groups, own


def write(folder, prefix="", old=0, **files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"memory.{name}").write_text(f"{text}\n")
    (folder / "memory.stat").write_text(f"anon 1\n{prefix}inactive_file {old}\n")


def test_what_the_machine_has_left(system):
    assert available_memory(*system) == 2048 * MIB


def test_a_container_may_have_less_and_old_cached_files_do_not_count(system):
    write(system[1], old=50 * MIB, max=500 * MIB, current=300 * MIB)
    assert available_memory(*system) == 250 * MIB


def test_the_least_of_all_groups_above(system):
    _, groups, own = system
    own.write_text("5:memory:/old\n0::/outer/inner\n")
    write(groups / "outer", max=400 * MIB, current=100 * MIB)
    write(groups / "outer" / "inner", max=350 * MIB, current=10 * MIB)
    assert available_memory(*system) == 300 * MIB


def test_groups_of_version_1(system):
    _, groups, own = system
    own.write_text("5:memory:/docker/abc\n")
    write(groups / "memory", "total_", 3 * MIB, limit_in_bytes=70 * MIB, usage_in_bytes=20 * MIB)
    assert available_memory(*system) == 53 * MIB


def test_a_group_beyond_its_limit_has_nothing_left(system):
    write(system[1], max=10 * MIB, current=12 * MIB)
    assert available_memory(*system) == 0


def test_where_the_system_tells_little(tmp_path, monkeypatch):
    nowhere = (tmp_path / "no",) * 3
    pages = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 1000}
    monkeypatch.setattr(memory.os, "sysconf", lambda name: pages.get(name, -1))
    assert available_memory(*nowhere) == 4_096_000
    monkeypatch.delattr(memory.os, "sysconf")
    assert available_memory(*nowhere) is None


@pytest.mark.parametrize("direction", ["forward", "adjoint"])
def test_a_large_case_does_not_fit_where_eight_gigabytes_are(direction):
    of = case(direction, (3, 8192, 8192))
    assert needed_memory(of) > 8 << 30
