"""Other libraries: `table` names them, `preparing` makes contenders, the rest is a file each.

Nothing here imports a library by itself: they are imported by name when a run wants them. What is
not installed, or cannot do a case, is named with the reason, and the run goes on.
"""

from .preparing import chosen, peers_of
from .table import LIBRARIES, PEERS

__all__ = ["LIBRARIES", "PEERS", "chosen", "peers_of"]
