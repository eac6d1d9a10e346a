"""Torch's layers: the plugin's beside the original, called alone and with the way back.

==============  ===========================================================================
`plugin`        the layers of ``aa_ref_torch``
`tensors`       a case's arrays as torch has them, and what layers do with them
`contenders`    what takes part in a case: the plugin, the core's own call, the original
`selections`    which cases a run takes
`targets`       the speeds that this project wants of the plugin
`tables`        what was measured, as tables
==============  ===========================================================================

Cases, rounds, results and the page are those of the benchmark on arrays.
"""

__all__: list[str] = []
