"""Functions by name, ``package.module:function``: how another process and a snippet find them."""

import sys
from importlib import import_module
from pathlib import PurePath
from typing import Any

from .errors import OracleError

__all__ = ["check_name", "load", "name_of_function", "target_of"]


def check_name(target: str) -> None:
    """See whether a function is named as it has to be, without importing it.

    Raises
    ------
    OracleError
        If it is not; the message has the name to write, of a file or a path too.
    """
    module, colon, name = target.rpartition(":")
    if not colon:
        module, name = target, "function"
    path = PurePath(module)
    if path.suffix == ".py" or len(path.parts) > 1:
        folders, inside = path.parts[:-1], not path.is_absolute() and ".." not in path.parts
        meant = f"{'.'.join([*folders, path.stem]) if inside else path.stem}:{name}"
        where = "" if inside else f", in the folder {path.parent}"
        raise OracleError(
            f"the function is {target!r}, and a module is named as import names it, not as a file; "
            f"write {meant}{where}"
        )
    if not (module and colon and name):
        parent, dot, last = target.rpartition(".")
        meant = f", {parent}:{last} perhaps" if parent and dot and last and not colon else ""
        raise OracleError(f"the function is {target!r}; write package.module:function{meant}")


def load(target: str) -> Any:
    """The function of that name.

    Raises
    ------
    OracleError
        If there is none that can be called; the message says why.
    """
    check_name(target)
    module, _, name = target.partition(":")
    try:
        found = import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except Exception as error:  # whatever the module raises on import
        words = " ".join(f"{type(error).__name__}: {error}".split())
        raise OracleError(
            f"{target} cannot be imported: {words}; write package.module:function for something "
            "that Python finds"
        ) from error
    if not callable(found):
        raise OracleError(f"{target} is a {type(found).__name__}; name something that is called")
    return found


def target_of(function: Any) -> str | None:
    """The name under which another process finds this very function, None if there is none."""
    if isinstance(function, str):
        return function
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", None)
    if not (isinstance(module, str) and isinstance(name, str)) or module == "__main__":
        return None
    found = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return f"{module}:{name}" if found is function else None


def name_of_function(function: Any) -> str:
    """What to call it in a report."""
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    return target_of(function) or str(name)
