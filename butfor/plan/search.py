"""Find a term by any of its names (R-189)."""

from __future__ import annotations

from butfor.plan.files import Plan
from butfor.plan.kinds import Term


def search_terms(plan: Plan, words: str) -> list[Term]:
    """Return terms whose id, label, system name, alias or meaning holds every word; best matches first."""
    wanted = words.casefold().split()
    ranked = []
    for term in plan.all(Term):
        names = [term.id, term.id.replace("_", " "), term.label, term.system, *term.aliases]
        places = [" ".join(names).casefold(), term.means.casefold()]
        if all(any(word in place for place in places) for word in wanted):
            in_name = all(word in places[0] for word in wanted)
            ranked.append((not in_name, term.id, term))
    return [term for _, _, term in sorted(ranked, key=lambda r: r[:2])]
