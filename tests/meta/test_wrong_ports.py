"""Judge the ports of `wrong_ports.py`: wrong ones are told by their names, right ones pass."""

import re
import shutil

import pytest
import torch
from wrong_ports import RIGHT, WRONG

from aa_ref import oracle


@pytest.fixture(autouse=True)
def _one_thread():
    """Torch's threads cost more than they save for arrays this small."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def judged(port):
    if port.compiler and shutil.which("cc") is None:
        pytest.skip("no C compiler")
    return oracle.check(**port.make(), **port.arguments)


@pytest.mark.parametrize("name", WRONG)
def test_wrong_ports_are_rejected_and_rightly_named(name):
    port = WRONG[name]
    report = judged(port)
    assert report.grade == "fails"
    codes = {finding.code for finding in report.findings}
    assert port.codes <= codes <= port.codes | port.besides, str(report)
    told = "\n".join(finding.message for finding in report.findings) + f"\n{report.convention}"
    unsaid = [words for words in port.words if not re.search(words, told)]
    assert not unsaid, told


@pytest.mark.parametrize("name", RIGHT)
def test_right_ports_are_not_rejected(name):
    report = judged(RIGHT[name])
    assert report.grade == "cannot-judge" if not RIGHT[name].judgeable else report.passed
