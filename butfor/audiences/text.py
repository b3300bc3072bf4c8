"""The one-line form of a rule: ``orders >= 2 in last 30 days and not email_opened in last 60 days``. Data only; nothing is run."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, NoReturn, get_args

import msgspec

from butfor.audiences.words import DATE, PHRASES, SYMBOLS
from butfor.model import BadInput
from butfor.plan import Plan, did_you_mean
from butfor.plan.kinds import Rule, Term
from butfor.plan.properties import LOCAL
from butfor.plan.rule import UNITS, Take

LONGEST = 20_000
DEEPEST = 60
TAKES = get_args(Take)
_TOKEN = re.compile(
    r'\s*(?:(?P<string>"(?:[^"\\]|\\.)*")|(?P<date>' + DATE + ")"
    r"|(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z_][\w.]*)|(?P<sign>!=|>=|<=|[=<>(),%]))"
)


class _Token(msgspec.Struct, frozen=True):
    kind: str
    text: str
    start: int


def parse_rule(plan: Plan, text: str) -> Rule:
    """Return the rule that a line of text says; raise BadInput, pointing at the place, when it says none."""
    if len(text) > LONGEST:
        raise BadInput(
            "rule", value=f"{len(text):,} characters", rule=f"a rule is at most {LONGEST:,} characters long",
            next_step="keep long lists of people as an attribute, and compare that",
        )  # fmt: skip
    return _Parser(plan, text).whole()


class _Parser:
    def __init__(self, plan: Plan, text: str) -> None:
        self.plan, self.text, self.at, self.depth = plan, text, 0, 0
        self.tokens = list(self._lexed())

    def _lexed(self) -> Iterator[_Token]:
        at = 0
        while self.text[at:].strip():
            found = _TOKEN.match(self.text, at)
            if found is None:
                self._fail_at(at, "names, numbers, texts in quotes, dates, and = != >= <= > < ( ) , %")
            kind = str(found.lastgroup)
            yield _Token(kind, found[kind], found.start(kind))
            at = found.end()

    def whole(self) -> Rule:
        rule = self.either()
        if self.at < len(self.tokens):
            self.fail("the rule ends here, or goes on with and, or")
        return rule

    def fail(self, wanted: str, next_step: str = "") -> NoReturn:
        at = self.tokens[self.at].start if self.at < len(self.tokens) else len(self.text)
        self._fail_at(at, wanted, next_step)

    def _fail_at(self, at: int, wanted: str, next_step: str = "") -> NoReturn:
        before, after = self.text[max(0, at - 40) : at], self.text[at : at + 40]
        raise BadInput(
            "rule", value=f"{before} >>> {after}" if after else f"{before} >>> (end)", rule=f"at >>> comes {wanted}",
            next_step=next_step or 'write it like: orders >= 2 in last 30 days where category = "shoes" and city = "Rome"',
        )  # fmt: skip

    def peek(self, ahead: int = 0) -> str:
        """Return the next word or sign in lower case; texts and numbers are none."""
        at = self.at + ahead
        if at >= len(self.tokens) or self.tokens[at].kind not in ("name", "sign"):
            return ""
        return self.tokens[at].text.lower()

    def take(self, *words: str) -> bool:
        if all(self.peek(i) == w for i, w in enumerate(words)):
            self.at += len(words)
            return True
        return False

    def need(self, word: str) -> None:
        if not self.take(word):
            self.fail(f"'{word}'")

    def next(self, kind: str, wanted: str) -> str:
        if self.at >= len(self.tokens) or self.tokens[self.at].kind != kind:
            self.fail(wanted)
        self.at += 1
        return self.tokens[self.at - 1].text

    def either(self, leaf: Callable[[], Rule] | None = None) -> Rule:
        self.depth += 1
        if self.depth > DEEPEST:
            self.fail(f"no more than {DEEPEST} brackets inside each other")
        parts = [self.both(leaf)]
        while self.take("or"):
            parts.append(self.both(leaf))
        self.depth -= 1
        return parts[0] if len(parts) == 1 else Rule(any=parts)

    def both(self, leaf: Callable[[], Rule] | None) -> Rule:
        parts = [self.one(leaf)]
        while self.take("and"):
            parts.append(self.one(leaf))
        return parts[0] if len(parts) == 1 else Rule(all=parts)

    def one(self, leaf: Callable[[], Rule] | None) -> Rule:
        negations = 0
        while self.take("not"):
            negations += 1
        if self.take("("):
            rule = self.either(leaf)
            self.need(")")
        else:
            rule = (leaf or self.leaf)()
        for _ in range(negations):
            rule = Rule(not_=rule)
        return rule

    def leaf(self) -> Rule:
        for word, read in (("everybody", self._everybody), ("nobody", self._nobody), ("entered", self._entered),
                           ("left", self._entered), ("consent", self._consent), ("reachable", self._reachable),
                           ("within", self._near), ("random", self._share), ("known", self._source), ("contacted", self._contacted)):  # fmt: skip
            if self.peek() == word and self._leads(word):
                return read()
        if self.take("in", "audience"):
            return Rule(audience=self.name("an audience"))
        if self.peek() in TAKES and self.peek(1) == "(":
            return self._taken()
        return self._named()

    def _leads(self, word: str) -> bool:
        follows = {
            "entered": ("audience",),
            "left": ("audience",),
            "known": ("to",),
            "reachable": ("by",),
            "within": ("",),
            "random": ("",),
        }
        return word not in follows or self.peek(1) in follows[word]

    def name(self, wanted: str) -> str:
        return self.next("name", wanted)

    def _everybody(self) -> Rule:
        self.at += 1
        return Rule(all=[])

    def _nobody(self) -> Rule:
        self.at += 1
        return Rule(any=[])

    def _entered(self) -> Rule:
        word = self.name("entered or left").lower()
        self.need("audience")
        audience = self.name("an audience")
        self.need("in")
        self.need("last")
        return _with(Rule(audience=audience), **{word: self.span()})

    def _consent(self) -> Rule:
        self.at += 1
        return Rule(consent=self.name("a channel such as email"), **self.compared())

    def _reachable(self) -> Rule:
        self.at += 2
        return Rule(reachable=self.name("a channel such as email"))

    def _near(self) -> Rule:
        self.at += 1
        km = self.number()
        self.need("km")
        self.need("of")
        latitude = self.number()
        self.need(",")
        return Rule(near=[float(latitude), float(self.number())], km=float(km))

    def _share(self) -> Rule:
        self.at += 1
        percent = self.number()
        self.need("%")
        self.need("by")
        salt = self.value()
        if not isinstance(salt, str) or not 0 <= percent <= 100:
            self.fail("a share from 0 % to 100 %, by a word in quotes")
        return Rule(share=round(percent / 100, 12), by=salt)

    def _source(self) -> Rule:
        self.at += 2
        return Rule(source=self.name("a source"))

    def _contacted(self) -> Rule:
        self.at += 1
        rule = Rule(contacted=self.name("a campaign"))
        if self.peek() in ("sent", "held", "suppressed", "pending"):
            rule = _with(rule, outcome=self.name("an outcome").lower())
        rule = _with(rule, **self.compared_or({"at_least": 1}))
        return _with(rule, last=self.span()) if self.take("in", "last") else rule

    def _taken(self) -> Rule:
        take = self.name("a fact").lower()
        self.need("(")
        event, _, of = self.name("an event").partition(".")
        rule = Rule(event=self._event(event).id, take=take)  # type: ignore[arg-type]
        if of:
            rule = _with(rule, of=self._property(str(rule.event), of))
        if self.take("less"):
            rule = _with(rule, less=self._event(self.name("an event")).id)
        self.need(")")
        return self.about_event(_with(rule, **self.compared_or({"at_least": 1} if take == "count" else None)))

    def _named(self) -> Rule:
        start = self.at
        name = self.name("a condition: the name of a trait or event")
        term = self.plan.find(Term, name)
        if term is not None and term.what in ("trait", "attribute"):
            rule = Rule(trait=name, **self.compared())
            if not self._goes_on():
                return rule
            event = self._counted(term)
            if event is None:
                self.fail(
                    f"and, or: {name} is a trait, and only what happened has a time of its own",
                    f"count an event, such as {self._events()[0]}",
                )
            return self.about_event(_with(rule, trait=None, event=event))
        self.at = start
        event_term = self._event(self.name("a condition"))
        return self.about_event(Rule(event=event_term.id, **self.compared_or({"at_least": 1})))

    def _goes_on(self) -> bool:
        return self.peek() in ("where", "since", "until", "then") or (
            self.peek() == "in" and self.peek(1) == "last"
        )

    def _counted(self, term: Term) -> str | None:
        """Return the event that a trait counts: what was said of it, or purchases for ``orders``."""
        if term.compute is not None and (term.compute.take or "count") == "count":
            return term.compute.event
        bought = [t.id for t in self.plan.all(Term) if t.what == "event" and t.role == "purchase"]
        return bought[0] if term.id == "orders" and bought else None

    def _events(self) -> list[str]:
        return [t.id for t in self.plan.all(Term) if t.what == "event"]

    def _event(self, name: str) -> Term:
        """Return the event of a name: its id, its system's name, an alias, or the same words in another order."""
        term = self.plan.find(Term, name)
        if term is not None and term.what == "event":
            return term
        wanted = _words(name)
        for t in self.plan.all(Term):
            if t.what == "event" and wanted in {_words(n) for n in (t.id, t.system, t.label, *t.aliases)}:
                return t
        known = [t.id for t in self.plan.all(Term) if t.what in ("event", "trait", "attribute")]
        self.at -= 1
        self.fail(
            f"a trait, attribute or event of the plan, and there is no {name}", did_you_mean(name, known)
        )
        return None

    def _property(self, event: str, name: str) -> str:
        term = self.plan.get(Term, event)
        if name in term.properties or name in (*LOCAL, "source") or name.startswith("product."):
            return name
        if name in term.products or (name == "amount" and term.products):
            return f"product.{name}"
        self.at -= 1
        known = [*term.properties, *term.products, *LOCAL, "source"]
        self.fail(f"a property of {event}, and {name} is none", did_you_mean(name, known))
        return None

    def about_event(self, rule: Rule) -> Rule:
        """Read when, where and what then."""
        while True:
            if self.take("in", "last"):
                rule = _with(rule, last=self.span())
            elif self.peek() in ("since", "until") and self.at + 1 < len(self.tokens):
                word = self.name("since")
                rule = _with(rule, **{word.lower(): self.day()})
            elif self.take("where"):
                rule = _with(rule, where=self.where(str(rule.event)))
            elif self.take("then"):
                name = "then_not" if self.take("not") else "then"
                second = Rule(event=self._event(self.name("an event")).id)
                if self.take("where"):
                    second = _with(second, where=self.where(str(second.event)))
                self.need("within")
                rule = _with(rule, **{name: second, "within": self.span()})
            else:
                return rule

    def where(self, event: str) -> Rule:
        """Read one condition on a property, or several in brackets."""

        def leaf() -> Rule:
            return Rule(property=self._property(event, self.name("a property")), **self.compared())

        return self.one(leaf)

    def compared_or(self, default: dict[str, Any] | None) -> dict[str, Any]:
        """Read an operator; where none comes, take the default."""
        follows = self.peek() in SYMBOLS or self._phrase() is not None
        return self.compared() if follows or default is None else default

    def _phrase(self) -> tuple[tuple[str, ...], str, str] | None:
        if self.peek() == "in" and self.peek(1) in ("last", "audience"):
            return None
        return next((p for p in PHRASES if all(self.peek(i) == w for i, w in enumerate(p[0]))), None)

    def compared(self) -> dict[str, Any]:
        sign = self.peek()
        if sign in SYMBOLS:
            self.at += 1
            return {SYMBOLS[sign]: self.value()}
        found = self._phrase()
        if found is None:
            self.fail("an operator: = != >= <= > <, between, in, contains, within last, is known ...")
        words, name, kind = found
        self.at += len(words)
        return {name: _READ[kind](self)}

    def value(self) -> Any:
        if self.at >= len(self.tokens):
            self.fail("a value")
        token = self.tokens[self.at]
        self.at += 1
        if token.kind == "string":
            try:
                return json.loads(token.text, strict=False)
            except ValueError:
                self.at -= 1
                self.fail('a text in quotes, with \\" for a quote in it')
        if token.kind == "date":
            return token.text
        if token.kind == "number":
            return _number(token.text)
        if token.text.lower() in ("true", "false"):
            return token.text.lower() == "true"
        self.at -= 1
        self.fail("a number, a date, true, false, or a text in quotes")
        return None

    def number(self) -> int | float:
        return _number(self.next("number", "a number"))

    def many(self) -> list[Any]:
        self.need("(")
        found: list[Any] = []
        while not self.take(")"):
            found.append(self.value())
            if self.peek() != ")":
                self.need(",")
        return found

    def pair(self) -> list[Any]:
        low = self.value()
        self.need("and")
        return [low, self.value()]

    def span(self) -> str:
        n = self.next("number", "a span such as 30 days")
        unit = self.name("minutes, hours, days, weeks, months or years").lower().removesuffix("s")
        if unit not in UNITS or not n.isdigit() or int(n) == 0:
            self.at -= 1
            self.fail("a span such as 30 days, in minutes, hours, days, weeks, months or years")
        return f"{n} {unit}" + ("s" if int(n) != 1 else "")

    def day(self) -> str:
        found = self.value()
        if not isinstance(found, str):
            self.at -= 1
            self.fail("a date such as 2026-01-31")
        return found


_READ: dict[str, Callable[[_Parser], Any]] = {
    "yes": lambda p: True, "no": lambda p: False, "one": _Parser.value, "many": _Parser.many, "pair": _Parser.pair,
    "span": _Parser.span, "today": lambda p: "today",
}  # fmt: skip


def _with(rule: Rule, **fields: Any) -> Rule:
    return msgspec.structs.replace(rule, **fields)


def _number(text: str) -> int | float:
    return float(text) if any(c in text for c in ".eE") else int(text)


def _words(name: str) -> frozenset[str]:
    return frozenset(w for w in re.split(r"[\W_]+", name.lower()) if w)
