"""What a wrong implementation does, recovered from its answers and said in words.

The implementation is a black box. One impulse at a time tells what outputs read of an input, along
every axis; from there on everything is a comparison with the plan's own taps, centres and
boundary, to within what rounding may have done to the answers.

===============  =============================================================================
`subject`        the black box: asked, never trusted
`inquiry`        what it is asked for, and what has been found wrong so far
`floating`       floating-point numbers: every question, one built on the other
`integers`       the same for integers, whose rounding hides answers to impulses
`impulses`       answers to impulses along an axis, as a matrix
`further`        the same for other lengths of the axis
`rows`           its inner rows: centres and taps
`places`         stride and phase
`width`          sigma, as an interval
`borders`        the rule beyond the ends
`readings`       rows, places and direction at one length
`sizes`          numbers of outputs, against the plan's
`outputs`        the rule that they follow
`swaps`          axes that have each other's filter
`axes`           what is known of one axis
`studying`       all of this for one axis, against its plan
`place_faults`   what is wrong with stride and phase
`tap_faults`     what is wrong with sigma and radius
`border_faults`  what is wrong with the rule beyond the ends
`short_axes`     what is wrong where axes are shorter than the filter
`mixing`         channels and batch entries
`twice`          the same question once more
`linearity`      numbers that are cut off, and sums that are not sums
`grain`          significant bits
`overall`        the sum of weights, and whether anything is left unexplained
`specials`       NaN and infinity
`accuracy`       the limits
`asked`          how near known implementations are to what is asked for
`naming`         whose convention is followed
===============  =============================================================================
"""

from .diagnosing import Diagnosis, diagnose

__all__ = ["Diagnosis", "diagnose"]
