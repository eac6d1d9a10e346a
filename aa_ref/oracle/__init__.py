"""A judge for other implementations of the operation. It needs NumPy and nothing more.

==============  ===============================================================================
`judge`         `check`: an implementation and its terms in, a report out
`suites`        `suite`: the same as tests of pytest's
`trial`         one check under way
`terms`         what an implementation is judged by
`layouts`       what the dimensions of an array are, a letter for each
`patterns`      what probes hold: patterns and noise
`lengths`       which lengths probes have
`probes`        the inputs that a check tries, smallest first
`calls`         how the judged functions are called, and what may come of it
`targets`       functions by name
`isolation`     calls in a process of its own
`faults`        what is wrong with one answer
`explaining`    what wrong values have in common
`transposes`    the adjoint, and the identity that makes it one
`findings`      what can be wrong, by code
`snippets`      code that shows a finding
`report`        what a check has found, for people and programs
`vectors`       cases on disk for programs in other languages, and the verdict on their results
==============  ===============================================================================

Imports run ``api <- oracle <- cli``. Nothing here is needed to downsample.
"""

from .bounds import bound
from .comparison import compare
from .findings import CODES, Finding
from .judge import check
from .report import Report
from .suites import suite
from .truth import truth

__all__ = ["CODES", "Finding", "Report", "bound", "check", "compare", "suite", "truth"]
