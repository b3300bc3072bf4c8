"""A field: one mapped column of a source on its way into the lake."""

from __future__ import annotations

import msgspec


class Field(msgspec.Struct, frozen=True):
    """A mapped column: where it comes from, what it becomes, its SQL as cleaned text and as typed value, and who judges it."""

    column: str
    target: str
    name: str
    kind: str
    required: bool
    raw: str
    value: str
    clean: str = "none"

    @property
    def text(self) -> str:
        """Return the name of the column of cleaned text."""
        return f"text_{self.name}"

    @property
    def sure(self) -> str:
        """Return the name of the column that says whether nothing suggests a typing error."""
        return f"sure_{self.name}"
