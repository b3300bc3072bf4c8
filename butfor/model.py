"""The nouns everybody shares and the errors; no behaviour, imports nothing of butfor.

Error tree::

    ButforError            it ran and found a problem, or refused (exit code 1)
    |-- BadInput           a file, a row, a value or an option that cannot be used
    |-- BadDefinition      a YAML document of the workspace that cannot be used
    |-- StoreError         a database that cannot be opened, written or trusted
    `-- Refused            the request was understood; a rule says no
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec


class ButforError(Exception):
    """Base of all errors: names the thing, its value, the rule it breaks and the next step."""

    def __init__(self, thing: str, *, value: Any = None, rule: str = "", next_step: str = "") -> None:
        self.thing, self.value, self.rule, self.next_step = thing, value, rule, next_step
        super().__init__(thing, value, rule, next_step)

    def __str__(self) -> str:
        shown = "" if self.value is None else f": {_short(self.value)}"
        rule = f"\n  rule: {self.rule}" if self.rule else ""
        step = f"\n  next: {self.next_step}" if self.next_step else ""
        return f"{self.thing}{shown}{rule}{step}"

    def to_dict(self) -> dict[str, Any]:
        """Return the four parts and the kind of the error, for ``--json``."""
        return {
            "error": type(self).__name__,
            "thing": self.thing,
            "value": None if self.value is None else _short(self.value),
            "rule": self.rule,
            "next": self.next_step,
        }


class BadInput(ButforError):
    """A file, a row, a value or an option that cannot be used."""


class BadDefinition(ButforError):
    """A YAML document of the workspace that cannot be used."""


class StoreError(ButforError):
    """A database that cannot be opened, written or trusted."""


class Refused(ButforError):
    """The request was understood, and a rule says no."""


def _short(value: Any, limit: int = 200) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


class Evidence(StrEnum):
    """How strongly a claim is supported (R-010); only the first two may enter ROI."""

    RANDOMISED = "randomised"
    QUASI_EXPERIMENTAL = "quasi-experimental"
    DESCRIPTIVE = "descriptive"
    OPINION = "opinion"


class Interval(msgspec.Struct, frozen=True):
    """A confidence interval, both ends in the unit of the estimate; ``level`` is a share such as 0.95."""

    low: float
    high: float
    level: float = 0.95

    def scaled(self, factor: float, shift: float = 0.0) -> Interval:
        """Return the interval of ``factor * x + shift``; ends swap when the factor is negative."""
        ends = sorted((self.low * factor + shift, self.high * factor + shift))
        return Interval(ends[0], ends[1], self.level)

    def covers(self, value: float) -> bool:
        """Say whether ``value`` lies inside, ends included."""
        return self.low <= value <= self.high
