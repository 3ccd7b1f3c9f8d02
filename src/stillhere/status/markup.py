"""Elements of a page, a picture or a feed, made so that nothing in them can be taken for markup.

Text goes into a tree and is escaped when the tree is written; there is no other way in.
"""

import re
from xml.etree.ElementTree import Element, tostring

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def el(tag: str, /, *children: "Element | str | int | None", **attributes: object) -> Element:
    """An element. Children that are None are left out; `class_` is `class`, `aria_label` is
    `aria-label`, and an attribute that is None is left out."""
    made = Element(tag)
    for name, value in attributes.items():
        if value is not None:
            made.set(name.rstrip("_").replace("_", "-"), clean(str(value)))
    for child in children:
        append(made, child)
    return made


def append(parent: Element, child: "Element | str | int | None") -> None:
    """Put a child behind what an element has."""
    if child is None:
        return
    if isinstance(child, Element):
        parent.append(child)
        return
    text = clean(str(child))
    if len(parent):
        parent[-1].tail = (parent[-1].tail or "") + text
    else:
        parent.text = (parent.text or "") + text


def clean(text: str) -> str:
    """The text without what XML cannot hold: control characters and halves of characters."""
    return _NO_XML.sub("\ufffd", text)


def name_of(text: str) -> Element:
    """A text that somebody chose: whatever its direction, it stays within its place."""
    return el("bdi", text)


def html(root: Element) -> str:
    """A whole page."""
    return f"<!DOCTYPE html>\n{tostring(root, 'unicode', method='html')}\n"


def xml(root: Element) -> str:
    """A whole XML document."""
    return f'<?xml version="1.0" encoding="utf-8"?>\n{tostring(root, "unicode")}\n'
