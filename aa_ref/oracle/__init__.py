"""A judge for other implementations of the operation. It needs NumPy and nothing more.

==============  ===========================================================================
`layouts`       what the dimensions of an array are, a letter for each
`patterns`      what probes hold: patterns and noise
`lengths`       which lengths probes have
`probes`        the inputs that a check tries, smallest first
`findings`      what can be wrong, by code
==============  ===========================================================================

Imports run ``api <- oracle <- cli``. Nothing here is needed to downsample.
"""

from .findings import CODES, Finding

__all__ = ["CODES", "Finding"]
