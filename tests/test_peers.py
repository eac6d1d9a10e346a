"""The table of other libraries: names, what prepares each, and that nothing is imported unasked."""

import json
import subprocess
import sys
from collections import Counter

import pytest

from aa_ref.peers import LIBRARIES, Asker, NotOfferedError, function_at, named, peers_for
from aa_ref.peers.table import PEERS


@pytest.mark.parametrize("asker", Asker)
def test_names_are_unique_and_without_commas(asker):
    names = Counter(peer.name.casefold() for peer in peers_for(asker))
    assert set(names.values()) == {1}
    assert not [name for name in names if "," in name]


@pytest.mark.parametrize("peer", PEERS, ids=lambda p: f"{p.name}, {p.by.name}")
def test_what_prepares_a_peer_says_what_it_is(peer):
    assert peer.library in LIBRARIES
    assert peer.by
    assert function_at(peer.prepare).__doc__


@pytest.mark.parametrize("library", LIBRARIES.values(), ids=lambda library: library.name)
def test_every_library_has_a_peer_and_one_that_is_missing_says_so(library, monkeypatch):
    assert [peer for peer in PEERS if peer.library == library.name]
    for name in (library.module, *library.needs):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, name, None)
            with pytest.raises(NotOfferedError, match=name) as missing:
                library.imported()
        assert missing.value.reason == "not installed"


def test_peers_by_name_and_library():
    some = peers_for(Asker.SCOREBOARD)
    found, unknown = named(some, ["SciPy", " opencv PYRDOWN ", "gimp"])
    assert [peer.name for peer in found] == [
        "SciPy gaussian_filter with zeros", "SciPy gaussian_filter", "OpenCV pyrDown"
    ]  # fmt: skip
    assert unknown == ["gimp"]


def test_the_table_imports_no_library():
    code = """
import json, sys
import numpy.typing
before = set(sys.modules)
import aa_ref.peers
aa_ref.peers.peers_for(aa_ref.peers.Asker.BENCH)
print(json.dumps(sorted({name.partition(".")[0] for name in set(sys.modules) - before})))
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=60)
    assert set(json.loads(done.stdout)) - set(sys.stdlib_module_names) == {"aa_ref"}
