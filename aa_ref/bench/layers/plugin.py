"""The layers of ``aa_ref_torch``, by the names that its users write."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from ...peers import NotOfferedError
from ..cases import PYRAMIDS, Case

__all__ = ["PLUGIN", "layers_of_plugin"]

PLUGIN = "aa_ref_torch"


def layers_of_plugin(case: Case, channels: int) -> Callable[[Any], list[Any]]:
    """What gives the case's results, level by level: a layer's call, or a pyramid's.

    Raises
    ------
    NotOfferedError
        If the plugin is not installed.
    """
    try:
        plugin = import_module(PLUGIN)
    except ImportError as error:
        raise NotOfferedError(f"{PLUGIN} is not installed ({error})") from None
    if case.direction not in PYRAMIDS:
        layer = plugin.AntiAliasInterpolation2d(channels, case.scales[0])
        return lambda x: [layer(x)]
    pyramid = plugin.ImagePyramide(case.scales, channels)
    names = [f"prediction_{scale}" for scale in case.scales]

    def levels(x: Any) -> list[Any]:
        made = pyramid(x)
        return [made[name] for name in names]

    return levels
