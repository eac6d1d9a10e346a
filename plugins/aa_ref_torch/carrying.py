"""What a layer has beside its weight, and what becomes of it where another takes its place.

Attributes pass to the stand-in, so that ``model.down.channels`` is there as before. Methods and
properties cannot, since they may rely on anything; nor can an attribute that means something else
to the stand-in.
"""

import inspect
from typing import Any

from torch import nn

__all__ = ["carry"]

_MODULES_OWN = frozenset(vars(nn.Module()))
_ONLY_SHOWN = frozenset({"ka", "kb", "int_inv_scale"})
"""Attributes of the original's that tell, and that no stand-in computes with."""
_MADE_ANEW = frozenset({"__init__", "__repr__", "_get_name", "extra_repr", "forward"})
"""Methods that a stand-in has its own of; what ``forward`` does has been compared."""


def carry(layer: nn.Module, new: nn.Module) -> str:
    """Pass a layer's attributes and modules on to its stand-in. Say what could not be, if anything.

    If something could not be, nothing is passed on.
    """
    attributes = {
        name: value for name, value in vars(layer).items() if name not in _MODULES_OWN
    } | dict(layer.named_children())
    lost, of_class = [], _of_class(layer)
    for name, value in of_class.items():
        plain = isinstance(inspect.getattr_static(layer, name), staticmethod | classmethod)
        if name in attributes:
            continue
        if callable(value) and not plain:
            lost.append(f"the method {name}")
        elif isinstance(inspect.getattr_static(layer, name), property):
            lost.append(f"the property {name}")
        else:
            attributes[name] = value
    for name, value in list(attributes.items()):
        if not hasattr(new, name) or name in _ONLY_SHOWN:
            continue
        if not _are_equal(getattr(new, name), value):
            lost.append(f"the attribute {name}, {value!r} where a stand-in has its own")
        del attributes[name]
    if lost:
        return f"has {', '.join(lost)}, which would be lost"
    for name, value in attributes.items():
        setattr(new, name, value)
    return ""


def _of_class(layer: nn.Module) -> dict[str, Any]:
    """The public names that a layer's classes define, and what they define anew of torch's."""
    names: dict[str, Any] = {}
    for base in type(layer).__mro__:
        if base in nn.Module.__mro__:
            continue
        for name, value in vars(base).items():
            torchs = hasattr(nn.Module, name) and callable(value)
            if name not in _MADE_ANEW and (torchs or not name.startswith("_")):
                names.setdefault(name, value)
    return {name: _read(layer, name, value) for name, value in names.items()}


def _read(layer: nn.Module, name: str, value: Any) -> Any:
    return value if isinstance(value, property) else getattr(layer, name)


def _are_equal(a: Any, b: Any) -> bool:
    if a is b:
        return True
    try:
        return bool(a == b)
    except Exception:  # whatever comparisons raise, as arrays do
        return False
