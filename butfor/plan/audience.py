"""Audiences as data: people chosen by a rule tree, or by an RFM grid with stored borders."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from msgspec import Meta

from butfor.plan.envelope import Definition, Part
from butfor.plan.rule import Rule, Span


class Cell(Part, frozen=True, kw_only=True):
    """A named block of the RFM grid: the scores (1 worst, n best) that belong to it."""

    recency: list[int]
    frequency: list[int]
    means: str = ""


class Borders(Part, frozen=True, kw_only=True):
    """Stored upper borders of scores; recency in days (fewer is better), money in the workspace's currency."""

    recency: list[float] = []
    frequency: list[float] = []
    monetary: list[float] = []
    set_on: date | None = None


class Rfm(Part, frozen=True, kw_only=True):
    """An RFM grid: how many levels, the stored borders, and the named cells that cover it.

    It scores the base traits; or, with any of these, purchases of its own: only those ``where`` a rule over the event's
    properties holds (a category, a group of shops), in the ``last`` span, of another ``event`` than the plan's purchase,
    ``less`` another event than its returns.
    """

    levels: Annotated[int, Meta(ge=2, le=10)] = 5
    borders: Borders = Borders()
    cells: dict[str, Cell] = {}
    where: Rule | None = None
    last: Span | None = None
    event: str | None = None
    less: str | None = None


class Audience(Definition, tag="audience", frozen=True, kw_only=True):
    """People chosen by a rule tree or by an RFM grid, and why (R-191)."""

    label: str
    rule: Rule | None = None
    rfm: Rfm | None = None
    why: str = ""
