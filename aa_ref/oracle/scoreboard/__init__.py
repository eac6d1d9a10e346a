"""The verdicts on known libraries: what each gives for the operation, and whose convention it is.

===========  ====================================================================================
`table`      the peers by name: which library, what is called, where it is written
`peers`      their calls as functions from an array to an array, a file for each library
`running`    a check for each peer and scale
`page`       the results as ``docs/scoreboard.md``, which is generated
===========  ====================================================================================

Nothing here imports a library by itself: they are imported by name when their turn comes. One that
is not installed, or has no such scale, gets a row that says so.
"""

from .page import GENERATED, page_of
from .running import SCALES, Row, Scoreboard, rows_of, summary_of
from .table import PEERS, Peer, chosen

__all__ = [
    "GENERATED",
    "PEERS",
    "SCALES",
    "Peer",
    "Row",
    "Scoreboard",
    "chosen",
    "page_of",
    "rows_of",
    "summary_of",
]
