"""Diagnosis by answers that are integers.

One impulse tells little where answers are rounded to integers: small taps are lost. Instead, many
random levels are asked, and filters are tried that explain all the answers. That a filter explains
an answer, or that it does not, is exact: the real sum is known to within a bound, and so are the
integers that it may be rounded to.

=============  =============================================================================
`levels`       constants: limits, wrapping around, how much of the range can be used
`lines`        random levels along one axis, and the test that decides
`least_squares` weights by the normal equations
`guess`        centres and weights, by least squares
`windows`      the answers of all inner outputs beside the samples that they read
`filters`      a filter, and what in it was sought among numbers
`taps`         filters that explain the inner outputs, those of the fewest faults first
`ends`         the rule beyond the ends
`pass_model`   a model that rounds between the passes, and predicts answers to noise
`evidence`     the answers of all axes, and those to planes
`fitting`      the numbers in filters that explain all of these, or a proof that none do
`agreement`    of the filters of each axis, those that explain everything together
`axis`         one axis: its lines, its candidates, its answers at other lengths
`mixing`       channels and batch entries
`numbers`      all of it, in order
=============  =============================================================================
"""

from .numbers import Integers

__all__ = ["Integers"]
