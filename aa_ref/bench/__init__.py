"""How long things take on this machine, against a floor and against other libraries.

==============  ===========================================================================
`cases`         what is measured: direction, shape, layout, type, scales, threads
`selections`    which cases a run takes
`inputs`        a case's arrays
`words`         reads sizes, scales and names that a caller wrote
`timing`        interleaved rounds, medians and quartiles
`floor`         the least that moving the bytes can cost, from a measured copy
`limit`         the least that one pass over them can cost, measured
`contenders`    what takes part in a case: the copy, the backends, yardsticks, peers
`yardsticks`    parts of our own work, timed alone to compare with the whole
`agreement`     whether a peer gives the same result, within a proven bound
`peer_contenders`  other libraries in a case, from the table of `aa_ref.peers`
`cuda`          the same on a GPU: its memory, its clock, its cases and targets
`layers`        torch's layers: the plugin's beside the original, alone and in training
`running`       measures cases, one after the other
`interrupts`    Ctrl-C that is not lost
`memory`        what a case takes, and what there is
`machine`       processor, caches, memory, versions
`results`       what was measured, as data; to and from JSON
`targets`       the speeds that this project wants, and whether they were met
`growing`       cases in which size, stride or threads alone grow
`figures`       numbers as tables show them
`tables`        results as tables, for the terminal and the page alike
`page`          results as `docs/performance.md`
`plots`         results as a picture, with matplotlib
==============  ===========================================================================

Imports run ``api <- bench <- cli``. Nothing here is needed to downsample.
"""

__all__: list[str] = []
