"""The command line ``aa-ref``. It needs the extra ``cli``; the rest of the package does not.

Nothing here imports that extra before `main` has seen that it is installed.
"""

import sys
from importlib.util import find_spec

__all__ = ["main"]

_NEEDED = ("typer", "rich", "PIL", "tifffile")


def main() -> None:
    """Run ``aa-ref`` with the arguments of this process."""
    if any(find_spec(name) is None for name in _NEEDED):
        print("aa-ref needs the extra 'cli': pip install 'aa-ref[cli]'", file=sys.stderr)
        raise SystemExit(2)
    try:
        from .app import app

        app()
    except KeyboardInterrupt:  # while importing; commands have ends of their own
        raise SystemExit(130) from None
