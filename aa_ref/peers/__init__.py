"""Other libraries' ways to make an array smaller, for the scoreboard and for the bench.

============  ================================================================================
`table`       the peers by name: library, call, where it is prepared, who asks for it
`task`        what a peer is given, and what it gives back
`own`         this library's own backends
`original`    the layer ``AntiAliasInterpolation2d`` as published
============  ================================================================================

The rest is a file each library. Nothing here imports a library by itself: it is imported by name
when a peer's turn comes. One that is not installed, or cannot do what is asked, says so by a
`NotOfferedError`.
"""

from .table import LIBRARIES, OTHER, SAME, Asker, Library, Peer, function_at, named, peers_for
from .task import NotOfferedError, Prepared, Task

__all__ = [
    "LIBRARIES",
    "OTHER",
    "SAME",
    "Asker",
    "Library",
    "NotOfferedError",
    "Peer",
    "Prepared",
    "Task",
    "function_at",
    "named",
    "peers_for",
]
