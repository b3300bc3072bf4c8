"""One quiet look for all pictures, and how numbers are written on them.

Blue against vermilion stays apart for every common kind of colour blindness; each colour of text has a
contrast of at least 4.5 to 1 on white. Colour never stands alone: whatever it says is also said in words.
"""

from __future__ import annotations

import math
import textwrap
from typing import Any

INK = "#1b1f24"
MUTED = "#57606a"
FAINT = "#d5dae0"
PAPER = "#ffffff"
ACCENT = "#0b5cad"
PALE = "#e3eef9"
WARN = "#b23c0a"
NEUTRAL = "#6e7781"
DEEP = "#08315c"

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
WIDTH = 680
"""Width of a chart in pixels, axes included; ``to_svg`` draws the same chart at any other width."""

CONFIG: dict[str, Any] = {
    "background": PAPER,
    "font": FONT,
    "padding": 4,
    "view": {"stroke": None},
    "axis": {
        "domainColor": FAINT,
        "gridColor": "#eceff2",
        "labelColor": MUTED,
        "labelFontSize": 12,
        "tickColor": FAINT,
        "titleColor": MUTED,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "titlePadding": 8,
    },
    "legend": {
        "labelColor": MUTED,
        "labelFontSize": 12,
        "orient": "top",
        "titleColor": MUTED,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "titleLimit": 320,
    },
    "text": {"color": INK, "fontSize": 12, "lineBreak": "\n"},
    "title": {
        "anchor": "start",
        "color": INK,
        "fontSize": 16,
        "fontWeight": 600,
        "frame": "group",
        "offset": 14,
        "subtitleColor": MUTED,
        "subtitleFontSize": 12,
        "subtitlePadding": 6,
    },
}


def title(finding: str, shown: str) -> dict[str, Any]:
    """Return a chart's title: the finding as a sentence, and below it what is shown, wrapped to fit."""
    return {"text": textwrap.wrap(finding, 76), "subtitle": textwrap.wrap(shown, 106)}


def shown(*parts: str) -> str:
    """Join what is shown, its unit and its date into one line, leaving out what is empty."""
    return " · ".join(part for part in parts if part)


def dated(as_of: object) -> str:
    """Return "as of 2026-01-31", or nothing without a date."""
    return f"as of {as_of}" if as_of else ""


def percent(share: float) -> str:
    """Return a share as whole percent; a small one keeps a digit, so that something is never shown as 0.

    >>> percent(0.4812), percent(0.004), percent(0.0)
    ('48 %', '0.4 %', '0 %')
    """
    if 0 < abs(share) < 0.0005:
        return "< 0.1 %"
    return _minus(f"{100 * share:.{1 if 0 < abs(share) < 0.00995 else 0}f} %")


def money(amount: float, currency: str = "", digits: int | None = None) -> str:
    """Return an amount with its currency: whole from 100 on, else with two digits.

    >>> money(1234.5, "EUR"), money(-9.99, "EUR")
    ('1,234 EUR', '−9.99 EUR')
    """
    if digits is None:
        digits = 0 if abs(amount) >= 100 or amount == int(amount) else 2
    return _minus(f"{amount:,.{digits}f} {currency}".rstrip())


def compact(amount: float) -> str:
    """Return an amount in few characters, for places that have room for no more.

    >>> compact(950), compact(12_345), compact(-2_500_000), compact(999_950), compact(0.5)
    ('950', '12.3k', '−2.5M', '1M', '0.5')
    """
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if abs(amount) >= 0.99995 * size:
            return _minus(f"{round(amount / size, 1):g}{unit}")
    return _minus(f"{round(amount, 0 if abs(amount) >= 10 else 1):g}")


def signed(value: float, digits: int, unit: str = "") -> str:
    """Return a difference with its sign and unit.

    >>> signed(-0.4216, 2, "EUR")
    '−0.42 EUR'
    """
    return _minus(f"{value:+,.{digits}f} {unit}".rstrip())


def digits_for(width: float) -> int:
    """Return the decimals an estimate deserves: two significant digits of its interval's width.

    >>> digits_for(0.57), digits_for(38.0), digits_for(0.0042)
    (2, 0, 4)
    """
    if not width > 0 or math.isinf(width):
        return 2
    return min(4, max(0, 1 - math.floor(math.log10(width))))


def _minus(text: str) -> str:
    return text.replace("-", "−")
