"""Each term has the marketer's name, the system's name, its meaning and its type."""

from collections.abc import Iterator

from butfor.plan.files import Plan
from butfor.plan.finding import Finding
from butfor.plan.kinds import Term

CODE = "TERM"
LEVEL = "error"
WHY = "a dictionary that says what a word really means is what keeps two teams from counting differently (R-189)"


def check(plan: Plan) -> Iterator[Finding]:
    """Yield terms that lack one of the four, or whose meaning only repeats the label."""
    for term in plan.all(Term):
        for field in ("label", "system", "means"):
            if not getattr(term, field).strip():
                yield Finding(
                    term,
                    field,
                    f"term {term.id} has no {field}",
                    f"write {field}: in one line of plain words",
                )
        if term.means and term.means.strip(" .").casefold() in (term.label.casefold(), term.id):
            yield Finding(
                term,
                "means",
                f"means of {term.id} only repeats its name",
                "say what counts and what does not",
            )
        if term.type is None and term.what != "event":
            yield Finding(
                term,
                "type",
                f"term {term.id} has no type",
                "give text, integer, number, money, boolean, date or timestamp",
            )
