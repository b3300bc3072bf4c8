"""What all definitions share: the envelope, and the types of their fields."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

Id = Annotated[str, Meta(min_length=1, max_length=80, description="lower_snake_case, unique within its kind")]
Share = Annotated[float, Meta(ge=0, le=1, description="a share between 0 and 1")]
Positive = Annotated[float, Meta(gt=0)]
Status = Literal["draft", "agreed", "active", "paused", "retired"]
Use = Literal["allow", "subtle", "deny"]
Type = Literal["text", "integer", "number", "money", "boolean", "date", "timestamp"]
Scalar = str | int | float | bool


class Part(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A piece of a definition; unknown fields are refused so that typing errors surface."""


class Expectation(Part, frozen=True, kw_only=True):
    """What is expected before the fact, in the unit of the metric (R-047)."""

    low: float
    likely: float
    high: float
    because: str = ""


class Definition(Part, tag_field="kind", frozen=True, kw_only=True):
    """The envelope that all kinds share."""

    id: Id
    owner: str = ""
    status: Status = "active"
    labels: dict[str, str] = {}
    expect: Expectation | None = None
