"""A word may mean one term only."""

from collections import defaultdict
from collections.abc import Iterator

from butfor.plan.files import Plan
from butfor.plan.finding import Finding
from butfor.plan.kinds import Term

CODE = "AMBIGUOUS"
LEVEL = "error"
WHY = "marketing and IT must mean the same thing by the same word (R-189)"


def check(plan: Plan) -> Iterator[Finding]:
    """Yield terms that share a label, system name or alias with an earlier term."""
    for field in ("label", "system"):
        seen: dict[tuple[str, str], Term] = {}
        for term in plan.all(Term):
            yield from _clash(seen, term, field, getattr(term, field))
    words: dict[str, set[str]] = defaultdict(set)
    for term in plan.all(Term):
        for word in {w.casefold() for w in (term.id, term.label, *term.aliases)}:
            words[word].add(term.id)
    for term in plan.all(Term):
        for i, alias in enumerate(term.aliases):
            others = sorted(words[alias.casefold()] - {term.id})
            if others:
                yield Finding(
                    term,
                    f"aliases.{i}",
                    f"alias {alias!r} also names {', '.join(others)}",
                    "remove it from one",
                )


def _clash(seen: dict[tuple[str, str], Term], term: Term, field: str, word: str) -> Iterator[Finding]:
    first = seen.setdefault((term.what, word.casefold()), term)
    if word and first is not term:
        yield Finding(
            term, field, f"{field} {word!r} is also the {field} of term {first.id}",
            f"say what sets {term.id} apart from {first.id}, or merge the two",
        )  # fmt: skip
