"""A judge for other implementations of the operation. It needs NumPy and nothing more.

==============  ===============================================================================
`judge`         `check`: an implementation and its terms in, a report out
`suites`        `suite`: the same as tests of pytest's
`trial`         one check under way
`terms`         what an implementation is judged by
`calls`         how the judged functions are called, and what may come of it
`targets`       functions by name
`processes`     child processes, ended with all that they start
`isolation`     calls in a process of its own
`programs`      executables that read and write ``.npy`` files
`environment`   the floating-point environment that answers are judged in
`accepted`      the shapes that an implementation takes, if not all
`arrangements`  how an array lies in memory
`layouts`       what the dimensions of an array are, a letter for each
`patterns`      what probes hold: patterns and noise
`lengths`       which lengths probes have
`probes`        the inputs that a check tries, smallest first
`endurance`     random questions, larger and larger, for minutes
`tiling`        large arrays that repeat a small one
`truth`         `truth`: the real result, correctly rounded
`bounds`        `bound`: how far any correct implementation may be from it, proven
`precisions`    what an implementation rounds, and to which format
`tap_errors`    how far taps may be off that an implementation computes itself
`sums`          one pass as a sum of products, in any arithmetic
`spectral`      the bound for Fourier transforms
`specials`      where NaN and infinity must show, and where they may
`samples`       an array checked against a plan, in binary64
`comparison`    `compare`: one result against truth and bound
`suspicions`    a second look at the errors, statistical
`faults`        what is wrong with one answer
`transposes`    the adjoint, and the identity that makes it one
`adjoints`      what a wrong adjoint does instead
`explaining`    from wrong values to findings
`error_sites`   which outputs are wrong along each dimension, and with which period
`localities`    faults of some outputs alone, and where these lie
`traits`        what the inputs of wrong answers have in common
`coarser`       which coarser arithmetic explains values that the stated one does not
`diagnosis`     what a wrong implementation does, recovered from its answers
`conventions`   known implementations, as data
`ingredients`   what conventions are made of
`edges`         the rules beyond the ends, and two that others follow
`findings`      what can be wrong, by code
`flushing`      what flushed subnormal numbers can make of a result
`snippets`      code that shows a finding
`evidence`      answers that a report shows
`scope`         how far the questions of a check went
`report`        what a check has found, for people and programs
`page`          a report as a page of HTML, with pictures
`scoreboard`    the verdicts on known libraries, and the page of them
`vectors`       cases on disk for programs in other languages, and the verdict on their results
`errors`        what can go wrong in asking
==============  ===============================================================================

Imports run ``api <- oracle <- cli``. Nothing here is needed to downsample.
"""

from .bounds import bound
from .comparison import compare
from .findings import CODES, Finding
from .judge import check
from .programs import Program
from .report import Report
from .suites import suite
from .truth import truth

__all__ = ["CODES", "Finding", "Program", "Report", "bound", "check", "compare", "suite", "truth"]
