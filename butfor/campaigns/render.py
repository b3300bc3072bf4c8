"""Content in Liquid: a text may name only what its terms allow to be shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from liquid import Environment
from liquid.exceptions import LiquidError

from butfor.model import BadDefinition, Refused
from butfor.plan import Plan
from butfor.plan.kinds import Term

_ENVIRONMENT_OPTIONS: dict[str, Any] = {"extra": False}


def content_attributes(plan: Plan) -> list[str]:
    """Return the attributes whose use in content is allowed."""
    return [
        t.id
        for t in plan.all(Term)
        if t.what == "attribute" and t.uses is not None and t.uses.content == "allow"
    ]


def _broken(error: LiquidError) -> BadDefinition:
    return BadDefinition(
        "content", value=str(error), rule="content is Liquid", next_step="correct the tag or the filter"
    )


class Renderer:
    """One text, parsed once; refuses a text that names a term whose use in content is not allowed (R-193)."""

    def __init__(self, plan: Plan, text: str) -> None:
        try:
            self._template = Environment(**_ENVIRONMENT_OPTIONS).from_string(text)
            named = sorted(self._template.global_variables())
        except LiquidError as error:
            raise _broken(error) from error
        self._allowed = allowed = set(content_attributes(plan))
        for name in named:
            if name not in allowed:
                term = plan.find(Term, name)
                use = f"content: {term.uses.content}" if term and term.uses else "unknown"
                raise Refused(
                    f"content names {name}", value=use, rule="a text shows only terms with content: allow (R-193)",
                    next_step="leave it out, or choose one of: " + ", ".join(sorted(allowed)),
                )  # fmt: skip
        self.render({})

    def render(self, known: Mapping[str, Any]) -> str:
        """Return the text for one person; what is not known, or may not be shown, is empty."""
        try:
            return self._template.render(**{n: v for n, v in known.items() if n in self._allowed})
        except LiquidError as error:
            raise _broken(error) from error
