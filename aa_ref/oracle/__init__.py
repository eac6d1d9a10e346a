"""A judge for other implementations of the operation. It needs NumPy and nothing more.

==============  ===========================================================================
`findings`      what can be wrong, by code
==============  ===========================================================================

Imports run ``api <- oracle <- cli``. Nothing here is needed to downsample.
"""

from .findings import CODES, Finding

__all__ = ["CODES", "Finding"]
