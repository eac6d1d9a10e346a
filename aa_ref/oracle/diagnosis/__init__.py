"""What a wrong implementation does, recovered from its answers and said in words.

The implementation is a black box. One impulse at a time tells what outputs read of an input, along
every axis; from there on everything is a comparison with the plan's own taps, centres and
boundary, to within what rounding may have done to the answers.

===============  =============================================================================
`subject`        the black box: asked, never trusted
`impulses`       answers to impulses along an axis, as a matrix
`further`        the same for other lengths of the axis
`rows`           its inner rows: centres and taps
`places`         stride and phase
`width`          sigma, as an interval
`borders`        the rule beyond the ends
`readings`       rows, places and direction at one length
`outputs`        the rule for the number of outputs
`axes`           what is known of one axis
`studying`       all of this for one axis, against its plan
`place_faults`   what is wrong with stride and phase
`tap_faults`     what is wrong with sigma and radius
`border_faults`  what is wrong with the rule beyond the ends
`short_axes`     what is wrong where axes are shorter than the filter
`mixing`         channels and batch entries
`grain`          significant bits
`overall`        the sum of weights, and whether anything is left unexplained
`specials`       NaN and infinity
`accuracy`       the limits
===============  =============================================================================
"""

from .diagnosing import Diagnosis, diagnose

__all__ = ["Diagnosis", "diagnose"]
