"""From a rule tree to a condition over one row per person, and the facts that it needs. Values are literals, never pasted."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from sqlglot import exp

from butfor.audiences.places import kilometres
from butfor.audiences.rechecks import day_counter, trait_rechecks
from butfor.facts import Clock, bare, compare, fact_name, fact_type, grid_columns, grid_facts
from butfor.model import BadDefinition, Refused
from butfor.plan import Plan, did_you_mean
from butfor.plan.kinds import Audience, Rule, Source, Term
from butfor.plan.walk import SUBJECTS, WHOLE, operators
from butfor.store import column, literal

# Traits of the base plan that grow by one each day (UTC).
DAY_COUNTERS = ("recency_days", "tenure_days")
CONDITIONS_AT_MOST = 2_000
# Identifiers that people are reached at.
CHANNELS = ("email", "phone", "push_token", "device_id")


class Compiler:
    """Compiles rules of one plan as of one clock, and collects the facts they need and when they may change by themselves.

    ``facts`` maps the column of each fact to its leaf; ``rechecks`` are times over the traits and facts of a person, NULL or
    in the future, before which no condition changes unless something happens.
    """

    def __init__(self, plan: Plan, clock: Clock) -> None:
        self.plan, self.clock = plan, clock
        self.facts: dict[str, Rule] = {}
        self.rechecks: dict[str, exp.Expression] = {}
        self._leaves = 0

    def condition(self, rule: Rule, path: tuple[str, ...] = ()) -> exp.Expression:
        """Return a rule as a condition that is true or false, never NULL.

        Raises Refused when a term's use for targeting is denied, BadDefinition when the rule cannot be read.
        """
        if rule.all is not None:
            return _joined(exp.And, [self.condition(r, path) for r in rule.all], exp.true())
        if rule.any is not None:
            return _joined(exp.Or, [self.condition(r, path) for r in rule.any], exp.false())
        if rule.not_ is not None:
            return exp.Not(this=exp.Paren(this=self.condition(rule.not_, path)))
        return self._leaf(rule, path)

    def audience(self, name: str, path: tuple[str, ...] = ()) -> exp.Expression:
        """Return the condition of an audience, or of one cell of a grid named ``grid.cell``."""
        if name in path:
            raise BadDefinition(
                f"audience {name}", value=" -> ".join([*path, name]), rule="audiences do not contain themselves",
                next_step="take one of them out of the other's rule",
            )  # fmt: skip
        grid, _, cell = name.partition(".")
        audience = self.plan.get(Audience, grid)
        if audience.rfm is not None:
            return self._cell(audience, cell)
        if cell:
            raise BadDefinition(
                f"audience {name}", value=cell, rule=f"only a grid has cells, and {grid} is a rule", next_step=f"write {grid}"
            )  # fmt: skip
        if audience.rule is None:
            raise BadDefinition(
                f"audience {name}", rule="an audience has a rule or an RFM grid", next_step="add rule:"
            )
        return self.condition(audience.rule, (*path, name))

    def _leaf(self, rule: Rule, path: tuple[str, ...]) -> exp.Expression:
        self._leaves += 1
        if self._leaves > CONDITIONS_AT_MOST:
            raise BadDefinition(
                f"audience {path[0] if path else ''}", value=f"more than {CONDITIONS_AT_MOST} conditions",
                rule="all audiences together are one query", next_step="keep long lists of people as an attribute, and compare that",
            )  # fmt: skip
        subject = self._subject(rule)
        built = _SUBJECTS[subject](self, rule, path)
        return exp.paren(built)

    def _subject(self, rule: Rule) -> str:
        said, used = [s for s in SUBJECTS if getattr(rule, s) is not None], operators(rule)
        if len(said) != 1 or said[0] not in _SUBJECTS or len(used) != (said[0] not in WHOLE):
            raise BadDefinition(
                f"condition on {' and '.join(said) or 'nothing'}", value=", ".join(used) or "no operator",
                rule="a condition is about one thing and has exactly one operator", next_step="write {trait: orders, at_least: 2}",
            )  # fmt: skip
        return said[0]

    def _trait(self, rule: Rule, path: tuple[str, ...]) -> exp.Expression:
        term = self.plan.get(Term, rule.trait or "")
        self._permit(term)
        if term.what not in ("attribute", "trait"):
            raise BadDefinition(
                f"condition on {term.id}", value=term.what, rule="people are chosen by what is known of a person: traits and attributes",
                next_step=did_you_mean(term.id, [t.id for t in self.plan.all(Term) if t.what in ("attribute", "trait")]),
            )  # fmt: skip
        name, kind = operators(rule)[0], trait_type(term)
        built = compare(term.id, column(term.id), kind, name, getattr(rule, name), self.clock)
        self._watch(rule, term, kind, name)
        return built

    def _watch(self, rule: Rule, term: Term, kind: str, name: str) -> None:
        value = getattr(rule, name)
        counts = term.id in DAY_COUNTERS or (term.compute is not None and term.compute.take == "days_since")
        found = day_counter(column(term.id), value, self.clock) if counts else []
        if kind in ("date", "timestamp"):
            found = trait_rechecks(column(term.id), kind, name, value, self.clock)
        self.rechecks |= {e.sql(): e for e in found}

    def _permit(self, term: Term) -> None:
        if term.uses is not None and term.uses.target == "deny":
            raise Refused(
                f"targeting by {term.id}", value="target: deny", rule=f"{term.label} may not be used to choose people (R-193)",
                next_step=f"choose another trait, or have its owner ({term.owner or 'nobody named'}) allow it",
            )  # fmt: skip

    def _event(self, rule: Rule, path: tuple[str, ...]) -> exp.Expression:
        for event in (
            rule.event,
            rule.then and rule.then.event,
            rule.then_not and rule.then_not.event,
            rule.less,
        ):
            if event:
                self._permit(_event_term(self.plan, event))
        fact = bare(rule)
        kind, name = fact_type(self.plan, fact), operators(rule)[0]
        at = self._fact(fact)
        if (fact.take or "count") in ("count", "distinct", "sum"):
            at = exp.Coalesce(this=at, expressions=[literal(0)])
        built = compare(str(rule.event), at, kind, name, getattr(rule, name), self.clock)
        if fact.take == "days_since":
            self.rechecks |= {
                e.sql(): e for e in day_counter(column(fact_name(fact)), getattr(rule, name), self.clock)
            }
        elif kind in ("date", "timestamp"):
            found = trait_rechecks(column(fact_name(fact)), kind, name, getattr(rule, name), self.clock)
            self.rechecks |= {e.sql(): e for e in found}
        return built

    def _fact(self, fact: Rule) -> exp.Expression:
        name = fact_name(fact)
        self.facts[name] = fact
        return column(name)

    def _audience(self, rule: Rule, path: tuple[str, ...]) -> exp.Expression:
        name = rule.audience or ""
        if rule.entered is None and rule.left is None:
            return self.audience(name, path)
        # Reads what is compiled here too, so that a cycle through a time of entry is found.
        Compiler(self.plan, self.clock).audience(name, path)
        spans = [(w, s) for w, s in (("entered", rule.entered), ("left", rule.left)) if s]
        if len(spans) != 1:
            raise BadDefinition(
                f"condition on audience {name}", value="entered and left", rule="one condition asks for one of them",
                next_step="combine two conditions under all:",
            )  # fmt: skip
        return exp.Coalesce(this=self._fact(rule), expressions=[exp.false()])

    def _cell(self, audience: Audience, cell: str) -> exp.Expression:
        cells = [*(audience.rfm.cells if audience.rfm else {}), "no_purchase"]
        if cell and cell not in cells:
            raise BadDefinition(
                f"audience {audience.id}.{cell}",
                rule="the cell is in the grid",
                next_step=did_you_mean(cell, cells),
            )
        for fact in grid_facts(self.plan, audience).values():
            for event in filter(None, (fact.event, fact.less)):
                self._permit(_event_term(self.plan, event))
        for border in audience.rfm.borders.recency if audience.rfm else []:
            found = day_counter(column(grid_columns(audience).days), border, self.clock)
            self.rechecks |= {e.sql(): e for e in found}
        # Whoever bought has scores, though a grid with a gap may give them no cell.
        bought = exp.not_(exp.Is(this=column(f"{audience.id}_recency"), expression=exp.null()))
        if cell in ("", "no_purchase"):
            return exp.not_(bought) if cell else bought
        at = exp.Coalesce(this=column(f"{audience.id}_cell"), expressions=[literal("")])
        return exp.EQ(this=at, expression=literal(cell))

    def _consent(self, rule: Rule, path: tuple[str, ...]) -> exp.Expression:
        at = exp.Coalesce(this=self._fact(Rule(consent=rule.consent)), expressions=[literal("unknown")])
        name = operators(rule)[0]
        given = getattr(rule, name)
        for value in given if isinstance(given, list) else [given]:
            if value not in ("given", "withdrawn", "unknown"):
                raise BadDefinition(
                    f"condition on consent for {rule.consent}", value=value, rule="consent is given, withdrawn or unknown",
                    next_step="write {consent: email, equals: given}",
                )  # fmt: skip
        return compare(f"consent for {rule.consent}", at, "text", name, given, self.clock)

    def _reachable(self, rule: Rule, path: tuple[str, ...]) -> exp.Expression:
        known = [t.id for t in self.plan.all(Term) if t.what == "identifier"]
        if rule.reachable not in known:
            raise BadDefinition(
                "condition on reachable", value=rule.reachable, rule="people are reached at an identifier, such as email or phone",
                next_step=did_you_mean(str(rule.reachable), known),
            )  # fmt: skip
        return exp.Coalesce(this=self._fact(rule), expressions=[exp.false()])

    def _near(self, rule: Rule, path: tuple[str, ...]) -> exp.Expression:
        terms = [self.plan.get(Term, name) for name in ("latitude", "longitude")]
        for term in terms:
            self._permit(term)
        latitude, longitude = rule.near or (0.0, 0.0)
        if rule.km is None or abs(latitude) > 90 or abs(longitude) > 180:
            raise BadDefinition(
                "condition on a place", value=[latitude, longitude, rule.km],
                rule="a place has a latitude from -90 to 90, a longitude from -180 to 180, and a distance in km",
                next_step="write {near: [52.52, 13.405], km: 25}",
            )  # fmt: skip
        within = exp.LTE(this=kilometres(latitude, longitude), expression=literal(float(rule.km)))
        return exp.Coalesce(this=exp.paren(within), expressions=[exp.false()])

    def _share(self, rule: Rule, path: tuple[str, ...]) -> exp.Expression:
        if not rule.by:
            raise BadDefinition(
                "condition on a random share", value="no salt", rule="a share is drawn by a word, and by the same word draws the same people",
                next_step="write {share: 0.1, by: spring}",
            )  # fmt: skip
        return exp.LT(this=bucket(rule.by), expression=literal(round((rule.share or 0) * 10_000)))

    def _source(self, rule: Rule, path: tuple[str, ...]) -> exp.Expression:
        self.plan.get(Source, rule.source or "")
        return exp.Coalesce(this=self._fact(rule), expressions=[exp.false()])

    def _contacted(self, rule: Rule, path: tuple[str, ...]) -> exp.Expression:
        fact = bare(rule)
        at = exp.Coalesce(this=self._fact(fact), expressions=[literal(0)])
        name = operators(rule)[0]
        return compare(f"contacts of {rule.contacted}", at, "integer", name, getattr(rule, name), self.clock)


_SUBJECTS: dict[str, Callable[[Compiler, Rule, tuple[str, ...]], exp.Expression]] = {
    "trait": Compiler._trait, "event": Compiler._event, "audience": Compiler._audience, "consent": Compiler._consent,
    "reachable": Compiler._reachable, "near": Compiler._near, "share": Compiler._share, "source": Compiler._source,
    "contacted": Compiler._contacted,
}  # fmt: skip


def condition(plan: Plan, rule: Rule, clock: Clock) -> exp.Expression:
    """Return a rule as a condition over the traits alone; raise BadDefinition when it needs more than them."""
    compiler = Compiler(plan, clock)
    built = compiler.condition(rule)
    if compiler.facts:
        fact = next(iter(compiler.facts.values()))
        raise BadDefinition(
            f"condition on {fact.event or fact.audience or 'a fact'}", value="counted at once",
            rule="lifecycle logic and policies read traits, which are computed before them",
            next_step="give it a name: a term with what: trait and compute:, and use that",
        )  # fmt: skip
    return built


def trait_type(term: Term) -> str:
    """Return the type of a trait's values; a computed list is one."""
    if term.compute is not None and term.compute.take == "list":
        return "list"
    return term.type or "text"


def bucket(salt: str) -> exp.Expression:
    """Return a person's place from 0 to 9,999, drawn by a salt: ``md5(salt-person)``, first eight hex digits, modulo 10,000.

    Digits are added up one by one, because engines turn hex text into numbers in different ways.
    """
    unit = exp.cast(column("person_id"), "TEXT")
    hashed = exp.MD5(this=exp.Concat(expressions=[literal(f"{salt}-"), unit]))
    total: exp.Expression = literal(0)
    for i in range(8):
        digit = exp.Substring(this=hashed.copy(), start=literal(i + 1), length=literal(1))
        place = exp.StrPosition(this=literal("0123456789abcdef"), substr=digit)
        worth = exp.Mul(
            this=exp.paren(exp.Sub(this=place, expression=literal(1))),
            expression=literal(16 ** (7 - i) % 10_000),
        )
        total = exp.Add(this=total, expression=exp.cast(worth, "BIGINT"))
    return exp.Mod(this=exp.paren(total), expression=literal(10_000))


def _event_term(plan: Plan, name: str) -> Term:
    term = plan.get(Term, name)
    if term.what != "event":
        raise BadDefinition(
            f"condition on {name}", value=term.what, rule="what is counted is an event",
            next_step=did_you_mean(name, [t.id for t in plan.all(Term) if t.what == "event"]),
        )  # fmt: skip
    return term


def _joined(kind: type[exp.Connector], parts: list[exp.Expression], empty: exp.Expression) -> exp.Expression:
    joined = parts[0] if parts else empty
    for part in parts[1:]:
        joined = cast(exp.Expression, kind(this=joined, expression=part))
    return exp.Paren(this=joined) if len(parts) > 1 else joined


def reads_history(rule: Rule) -> bool:
    """Say whether a leaf asks when people entered or left an audience."""
    return rule.audience is not None and (rule.entered or rule.left) is not None
