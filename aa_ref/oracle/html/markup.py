"""Elements of HTML and SVG. Whatever is no `Markup` is text, and is escaped."""

import html
import re

__all__ = ["Markup", "number", "page_text", "tag"]

_VOID = {"meta", "link", "br"}
_CONTROL = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
"""What HTML does not allow, or UTF-8 cannot hold."""


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def page_text(text: object) -> Markup:
    """Any text as HTML that shows it."""
    if isinstance(text, Markup):
        return text
    return Markup(html.escape(_CONTROL.sub("\N{REPLACEMENT CHARACTER}", str(text))))


def tag(name: str, /, *children: object, **attributes: object) -> Markup:
    """An element. In names of attributes ``_`` stands for ``-``, but for one at the end."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{page_text(value)}"'
        for key, value in attributes.items() if value is not None
    )  # fmt: skip
    if name in _VOID:
        return Markup(f"<{name}{written}>")
    return Markup(f"<{name}{written}>{''.join(map(page_text, children))}</{name}>")


def number(value: float, digits: int = 4) -> str:
    """A number to be read: so many digits, and a minus sign that is one."""
    return f"{value:.{digits}g}".replace("-", "\N{MINUS SIGN}")
