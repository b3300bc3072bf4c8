"""Charts to SVG, PNG and Vega-Lite JSON, offline: vl-convert holds Vega and draws without a browser."""

from __future__ import annotations

import re
from typing import Any

import vl_convert


def to_spec(chart: Any) -> dict[str, Any]:
    """Return the Vega-Lite spec of an Altair chart as plain dicts; a spec is returned as it is."""
    spec: dict[str, Any] = chart if isinstance(chart, dict) else chart.to_dict()
    return spec


def to_svg(chart: Any, width: int | None = None, prefix: str = "") -> str:
    """Return the chart as SVG; the same chart gives the same bytes.

    ``width`` in pixels draws it anew at that width, fonts unchanged. ``prefix`` opens every id, because pictures
    on one page that share an id would share one clip path or gradient.
    """
    return _numbered(vl_convert.vegalite_to_svg(_at(chart, width), allowed_base_urls=[]), prefix)


def _numbered(svg: str, prefix: str) -> str:
    """Number the ids anew from 1: Vega counts them through all charts of a process."""
    found = dict.fromkeys(re.findall(r'\bid="([^"]+)"', svg))
    names = {old: f"{prefix}{re.sub('[0-9]+$', '', old)}{i}" for i, old in enumerate(found, 1)}
    svg = re.sub(r'\bid="([^"]+)"', lambda m: f'id="{names[m[1]]}"', svg)
    return re.sub(r"url\(#([^)]+)\)", lambda m: f"url(#{names.get(m[1], m[1])})", svg)


def to_png(chart: Any, width: int | None = None, scale: float = 2.0) -> bytes:
    """Return the chart as PNG; ``scale`` 2 is sharp on dense screens and on paper."""
    png: bytes = vl_convert.vegalite_to_png(_at(chart, width), scale=scale, allowed_base_urls=[])
    return png


def bare(chart: Any) -> dict[str, Any]:
    """Return the spec without its title, for pages that set the title as text and name the picture by it."""
    spec = {key: value for key, value in to_spec(chart).items() if key != "title"}
    # The picture has a name as a whole; a name on every bar besides would be read out again.
    return spec | {"config": spec.get("config", {}) | {"aria": False}}


def heading(chart: Any) -> tuple[str, str]:
    """Return the finding and what is shown: the title and the subtitle as one line each."""
    title = to_spec(chart).get("title") or {}
    if not isinstance(title, dict):
        return _line(title), ""
    return _line(title.get("text", "")), _line(title.get("subtitle", ""))


def _line(text: str | list[str]) -> str:
    return text if isinstance(text, str) else " ".join(text)


def _at(chart: Any, width: int | None) -> dict[str, Any]:
    spec = to_spec(chart)
    return spec if width is None else spec | {"width": width}
