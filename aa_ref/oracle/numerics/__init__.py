"""What is proven: the real result, and how far any correct implementation may be from it.

============  ================================================================================
`formats`     what an implementation rounds, and to which binary format
`inputs`      an array checked against a plan, in binary64
`linear_map`  one pass as a sum of products, in any arithmetic
`truth`       the real result, correctly rounded; where NaN and infinity must show
`bounds`      how far a correct implementation may be from it, by Fourier transforms, too
`tap_errors`  how far taps may be off that an implementation computes itself
`compare`     one result against truth and bound, and a second, statistical look at the errors
============  ================================================================================

``docs/numerics.md`` has the proofs, in the order of the code.
"""
