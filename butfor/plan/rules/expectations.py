"""An expectation is low, likely, high, in that order."""

from collections.abc import Iterator

from butfor.plan.files import Plan
from butfor.plan.finding import Finding

CODE = "EXPECT"
LEVEL = "error"
WHY = "a result is judged against the expectation written before it (R-047)"


def check(plan: Plan) -> Iterator[Finding]:
    """Yield expectations whose three numbers do not rise."""
    for definition in plan.definitions.values():
        expect = definition.expect
        if expect and not expect.low <= expect.likely <= expect.high:
            yield Finding(
                definition, "expect", f"expectation of {definition.id} is {expect.low:g}, {expect.likely:g}, {expect.high:g}",
                "write low, likely and high from small to large",
            )  # fmt: skip
