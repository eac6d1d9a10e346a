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
`size_rules`     numbers of outputs, against the plan's, and the rule that they follow
`axes`           what is known of one axis
`studying`       all of this for one axis, against its plan
`place_faults`   what is wrong with stride and phase
`tap_faults`     what is wrong with sigma and radius
`border_faults`  what is wrong with the rule beyond the ends, and where axes are short
`unread_ends`    samples there that no output reads
`mixing`         channels and batch entries
`twice`          the same question once more, and another of the same shape
`linearity`      numbers that are cut off, and sums that are not sums
`grain`          significant bits
`tap_formats`    coarse numbers that taps may be rounded to
`rounding_reach` rounding errors of samples that an output does not read
`overall`        axes with each other's filter, the sum of weights, what is left unexplained
`specials`       NaN and infinity
`accuracy`       the limits
`likeness`       whose convention is followed, and how near it is to what is asked for
===============  =============================================================================
"""

from .diagnosing import Diagnosis, diagnose

__all__ = ["Diagnosis", "diagnose"]
