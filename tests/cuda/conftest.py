"""What the tests of kernels share."""

from typing import Any

import pytest


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The kernels launched so far."""
    from aa_ref.backends.cuda import calls

    found: list[Any] = []
    original = calls.compiled

    def compiled(kernel: Any) -> Any:
        found.append(kernel)
        return original(kernel)

    monkeypatch.setattr(calls, "compiled", compiled)
    return found
