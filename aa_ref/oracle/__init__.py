"""A judge for other implementations of the operation. It needs NumPy and nothing more.

====================  =====================================================================
`checking`            `check`: an implementation and its terms in, a report out; `suite`
`trial`               one check under way
`tiling`              large answers, piece by piece: blocks of one random plane
`endurance`           random questions, larger and larger, for minutes
`terms`               what an implementation is judged by, and the shapes that it takes
`calling`             how the judged functions are called, and what may come of it
`probes`              the inputs that a check tries, smallest first
`numerics`            truth and bound, proven; one result against them
`answers`             what is wrong with one answer
`gradients`           the adjoint: its identity, and what a wrong one does instead
`explain`             from wrong values to findings
`error_sites`         which outputs are wrong along each dimension, and with which period
`correlates`          what wrong answers have in common: places of outputs, shapes of inputs
`diagnosis`           what a wrong implementation does, recovered from its answers
`conventions`         known implementations, as data
`convention_parts`    what conventions are made of
`findings`            what can be wrong, by code
`snippets`            code that shows a finding
`verdict`             what a check found, as data; the answers shown, and how far questions went
`report`              what a check has found, for people and programs
`html`                a report as a page of HTML, with pictures
`scoreboard`          the verdicts on known libraries, and the page of them
`vectors`             cases on disk for programs in other languages, and the verdict on these
`errors`              what can go wrong in asking
====================  =====================================================================

Imports run ``api <- oracle <- cli``. Nothing here is needed to downsample.
"""

from .calling.programs import Program
from .checking import check, suite
from .findings import CODES, Finding
from .numerics.bounds import bound
from .numerics.compare import compare
from .numerics.truth import truth
from .report import Report

__all__ = ["CODES", "Finding", "Program", "Report", "bound", "check", "compare", "suite", "truth"]
