"""What a wrong implementation does, recovered from its answers and said in words.

The implementation is a black box. One impulse at a time tells what outputs read of an input, along
every axis; from there on everything is a comparison with the plan's own taps, centres and
boundary, to within what rounding may have done to the answers.

=============  =============================================================================
`subject`      the black box: asked, never trusted
`impulses`     answers to impulses along an axis, as a matrix
`rows`         its inner rows: centres and taps
`places`       stride, phase, direction
`width`        sigma, as an interval
`borders`      the rule beyond the ends
`outputs`      the rule for the number of outputs
`axes`         all of this for one axis, against its plan
`mixing`       channels and batch entries
`grain`        significant bits
`overall`      the sum of weights, and whether anything is left unexplained
`specials`     NaN and infinity
`accuracy`     the limits
=============  =============================================================================
"""

from .diagnosing import Diagnosis, diagnose

__all__ = ["Diagnosis", "diagnose"]
