"""Figures: Vega-Lite specifications with values, as SVG in a page, as files for papers. No browser, no network.

Names and texts of a ledger stand in the data alone, which Vega draws as text. What it drew is read again as XML, and
only what a drawing is made of is kept: no scripts, no styles, no links but those within the page.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal
from xml.etree import ElementTree

from sweep.console import visible
from sweep.report.blocks import Figure

CHARTS = Path(__file__).parent / "charts"

Look = Literal["page", "paper"]
"""Colours that follow the page's, in the light and in the dark; or fixed ones, on white."""

SVG = "http://www.w3.org/2000/svg"
LINK = "{http://www.w3.org/1999/xlink}href"

ELEMENTS = frozenset(["svg", "g", "path", "text", "tspan", "rect", "line", "circle", "a", "clipPath", "defs"])
ATTRIBUTES = frozenset(
    (
        "width", "height", "viewBox", "transform", "d", "x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "rx", "ry",
        "dx", "dy", "fill", "fill-opacity", "stroke", "stroke-width", "stroke-opacity", "stroke-dasharray",
        "stroke-linecap", "stroke-miterlimit", "opacity", "font-size", "font-weight", "font-style", "text-anchor",
        "clip-path", "display", "id",
    )
)  # fmt: skip
USUAL = frozenset((("opacity", "1"), ("stroke-width", "1"), ("transform", "translate(0,0)")))
"""What attributes are by themselves."""

MARKS = frozenset(("point", "line mark"))
"""What Vega calls the marks that say what they are."""

HALVED = re.compile("[\U00010000-\U0010ffff]")

NUMBERS = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")

LETTERS = 300
"""Of a mark's title. Vega cuts labels where there is no room; the table beside a figure has all of them."""


def specification(figure: Figure, look: Look) -> dict[str, Any]:
    """The Vega-Lite specification of a figure, with its values and colours."""
    colours = _chart(f"look-{look}")
    settings = {name: _plain(one) for name, one in figure.settings.items()}
    spec: dict[str, Any] = _with(_chart(figure.chart), {**colours["settings"], **settings})
    return {**spec, "config": colours["config"], "data": {"values": [_plain(row) for row in figure.values]}}


def svg(figure: Figure) -> str:
    """A figure as SVG for a page."""
    import vl_convert

    drawn = vl_convert.vegalite_to_svg(specification(figure, "page"), allowed_base_urls=[])
    return clean(drawn, figure.name, figure.caption)


def drawn(figure: Figure, ending: str) -> bytes:
    """A figure as a file for a paper: `pdf`, `svg` or `png`."""
    import vl_convert

    spec = specification(figure, "paper")
    if ending == "svg":
        return str(vl_convert.vegalite_to_svg(spec, allowed_base_urls=[])).encode()
    if ending == "png":
        return bytes(vl_convert.vegalite_to_png(spec, ppi=300, allowed_base_urls=[]))
    return bytes(vl_convert.vegalite_to_pdf(spec, allowed_base_urls=[]))


def clean(drawn: str, name: str, caption: str) -> str:
    """What of an SVG a page takes: shapes, text and links to its own anchors. Marks get titles, which browsers show."""
    ElementTree.register_namespace("", SVG)
    root = ElementTree.fromstring(drawn)  # noqa: S314 - our own renderer's, and without entities
    _clean(root, name, {})
    root.set("role", "group")
    root.set("aria-label", visible(caption))
    return ElementTree.tostring(root, encoding="unicode", short_empty_elements=True)


def _clean(element: ElementTree.Element, name: str, ids: dict[str, str]) -> None:
    says = element.get("aria-label") if element.get("aria-roledescription") in MARKS else None
    link = element.get(LINK) or ""
    kept = {key: _short(value) for key, value in element.attrib.items() if key in ATTRIBUTES}
    kept = {key: value for key, value in kept.items() if (key, value) not in USUAL}
    for key, value in kept.items():  # Vega counts its ids over all drawings of a process
        if key == "id":
            kept[key] = ids.setdefault(value, f"{name}-{len(ids) + 1}")
        elif value.startswith("url(#"):
            kept[key] = f"url(#{ids.setdefault(value[5:-1], f'{name}-{len(ids) + 1}')})"
    element.attrib.clear()
    element.attrib.update(kept)
    if "#" in link:
        element.set("href", f"#{link.partition('#')[2]}")
    children = [*element]
    for child in children:
        element.remove(child)
    if says:
        ElementTree.SubElement(element, f"{{{SVG}}}title").text = says[:LETTERS]
    for child in children:
        if child.tag.removeprefix(f"{{{SVG}}}") in ELEMENTS and not _is_empty(child):
            _clean(child, name, ids)
            is_bare = child.tag == f"{{{SVG}}}g" and not child.attrib
            element.extend([*child] if is_bare else [child])


def _is_empty(element: ElementTree.Element) -> bool:
    """Frames and backgrounds without a size or a colour, of which Vega draws many."""
    return element.tag == f"{{{SVG}}}path" and (
        element.get("display") == "none"
        or element.get("d") in ("", "M0,0h0v0h0Z")
        or (element.get("class") == "background" and not element.get("fill") and not element.get("stroke"))
    )


def _short(value: str) -> str:
    """Tenths of a pixel are enough."""
    return NUMBERS.sub(lambda found: f"{float(found[0]):.1f}".removesuffix(".0"), value)


def _plain(value: Any) -> Any:
    """Text in which what cannot be read is spelt out, on one line.

    So are characters that JavaScript has two halves of: Vega cuts long labels between them, and then fails.
    """
    match value:
        case str():
            return HALVED.sub(lambda found: f"\\U{ord(found[0]):08x}", visible(value).replace("\n", " "))
        case Mapping():
            return {key: _plain(one) for key, one in value.items()}
        case list() | tuple():
            return [_plain(one) for one in value]
    return value


def _with(node: Any, settings: Mapping[str, Any]) -> Any:
    """A specification in which `{"setting": name}` is the setting of that name."""
    if isinstance(node, dict):
        if set(node) == {"setting"}:
            return settings[node["setting"]]
        return {key: _with(one, settings) for key, one in node.items()}
    return [_with(one, settings) for one in node] if isinstance(node, list) else node


@cache
def _file(name: str) -> str:
    return (CHARTS / f"{name}.json").read_text(encoding="utf-8")


def _chart(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_file(name))
    return found
