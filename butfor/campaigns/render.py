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


class Renderer:
    """One text, parsed once; refuses a text that names a term whose use in content is not allowed (R-193)."""

    def __init__(self, plan: Plan, text: str) -> None:
        try:
            self._template = Environment(**_ENVIRONMENT_OPTIONS).from_string(text)
        except LiquidError as error:
            raise BadDefinition(
                "content", value=str(error), rule="content is Liquid", next_step="correct the tag"
            ) from error
        allowed = set(content_attributes(plan))
        for name in sorted(self._template.global_variables()):
            if name not in allowed:
                term = plan.find(Term, name)
                use = f"content: {term.uses.content}" if term and term.uses else "unknown"
                raise Refused(
                    f"content names {name}", value=use, rule="a text shows only terms with content: allow (R-193)",
                    next_step="leave it out, or choose one of: " + ", ".join(sorted(allowed)),
                )  # fmt: skip

    def render(self, known: Mapping[str, Any]) -> str:
        """Return the text for one person; what is not known is empty."""
        return self._template.render(**known)
