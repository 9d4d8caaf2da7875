"""HTML elements with text, in NiceGUI's terms: few, plain, and safe by construction.

In: a tag and text. Out: elements of the page being built. Text is always text, never markup; the only markup goes
through ``picture``, which is given numbers drawn by ``charts``. Not here: what is shown.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement


class Words(TextElement):  # type: ignore[misc]  # NiceGUI is an extra: unknown to mypy
    """An element that holds one text; writing the same text again costs nothing.

    Args:
        tag: of HTML.
        text: what it says.
        classes: of the style sheet, separated by spaces.
        attributes: of HTML; ``_`` stands for ``-``.
    """

    def __init__(self, tag: str, text: str = "", classes: str = "", **attributes: Any) -> None:
        self.text: str
        super().__init__(tag=tag, text=text)
        _dress(self, classes, attributes)

    def say(self, text: str) -> None:
        """It says this now."""
        if self.text != text:
            self.text = text

    def look(self, classes: str) -> None:
        """It has these classes now."""
        look(self, classes)


def box(tag: str, classes: str = "", **attributes: Any) -> ui.element:
    """An element that holds others; used with ``with``."""
    made = ui.element(tag)
    _dress(made, classes, attributes)
    return made


def button(text: str, pressed: Callable[[], Any], classes: str = "", **attributes: Any) -> Words:
    """A button that the keyboard reaches too."""
    made = Words("button", text, f"button {classes}".strip(), type="button", **attributes)
    made.on("click", pressed, [])
    return made


def picture(label: str, classes: str = "") -> ui.html:
    """A place for SVG of ``charts``; the label says to a screen reader what is seen.

    Args:
        label: what it is.
        classes: of the style sheet.
    """
    made = ui.html("", sanitize=False)
    _dress(made, f"picture {classes}".strip(), {"role": "img", "aria_label": label})
    return made


def attribute(element: ui.element, name: str, value: Any) -> None:
    """Set an attribute of HTML; None removes it."""
    if element.props.get(name) == value:
        return
    if value is None:
        element.props.pop(name, None)
    else:
        element.props[name] = value
    element.update()


def look(element: ui.element, classes: str) -> None:
    """It has these classes now."""
    wanted = classes.split()
    if list(element.classes) != wanted:
        element.classes(replace=classes)


def _dress(element: ui.element, classes: str, attributes: dict[str, Any]) -> None:
    if classes:
        element.classes(classes)
    for name, value in attributes.items():
        if value is not None:
            element.props[name.rstrip("_").replace("_", "-")] = value
