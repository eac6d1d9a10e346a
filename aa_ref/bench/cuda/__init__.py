"""The CUDA backend's speed, with the device's own clock, and arrays that live on the device.

==================  =======================================================================
`device`            what a bench needs of a GPU, so that a test may stand in for one
`numba_device`      the current GPU, through Numba: the one file here that needs one
`events`            a clock that the device reads
`rotation`          calls that take turns over more memory than the caches hold
`contenders`        what takes part in a case: the copy, ours, a Python call, peers
`peer_contenders`   torch's operations on tensors there, eagerly and in a CUDA graph; CuPy's
`selections`        which cases a run takes
`issue`             the least time that issuing the instructions can take
`targets`           the speeds that this project wants of a GPU
==================  =======================================================================

Cases, rounds, results, tables and the page are those of the benchmark on the processor.
"""

__all__: list[str] = []
