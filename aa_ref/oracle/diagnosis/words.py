"""Numbers of things in words."""

__all__ = ["counted", "plural"]


def plural(one: str) -> str:
    """Of a regular noun: ``"entry"`` gives ``"entries"``."""
    return f"{one[:-1]}ies" if one.endswith("y") else f"{one}s"


def counted(count: int, one: str) -> str:
    """``"1 entry"``, ``"2 entries"``."""
    return f"{count} {one if count == 1 else plural(one)}"
