"""Propose how to load a file: a source with every column mapped, how sure that is, and what to ask.

A proposal is a guess that says so. Answering a question proposes again with the answer in hand, so that
everything that depends on it follows.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import available_timezones

from msgspec import Struct

from butfor.ingest import questions
from butfor.ingest.places import Guess, guess_place
from butfor.ingest.questions import Question
from butfor.ingest.rows import Known, Shape, know, retail_terms, shape
from butfor.ingest.shapes import read_time
from butfor.ingest.sniff import Sample
from butfor.ingest.targets import Mapped, map_columns
from butfor.model import BadInput
from butfor.plan import did_you_mean
from butfor.plan.kinds import Column, Property, Reading, Returns, Source, Term, Uses

__all__ = ["Proposal", "Question", "apply_answer", "propose"]

OLD = timedelta(days=30)
_IDENTIFIERS = ("customer_id", "loyalty_card", "email", "phone", "device_id")


class Proposal(Struct, frozen=True):
    """A source as guessed from a sample.

    ``confidence`` (0 to 1) and ``because`` are by column; ``newest`` is the newest time of the sample (UTC,
    without a zone when ``now`` had none); ``clock`` is ``data`` when that is long ago; ``new_terms`` are
    needed and not in the retail plan. ``sample``, ``name``, ``now`` and ``answers`` are what it was made
    from; the sample holds personal data and is not for printing.
    """

    source: Source
    confidence: dict[str, float]
    because: dict[str, str]
    questions: list[Question]
    identity_primary: str
    identity_ranked: list[str]
    currency: str | None
    newest: datetime | None
    clock: Literal["now", "data"]
    new_terms: list[Term]
    sample: Sample
    name: str
    now: datetime
    answers: dict[str, str] = {}


def propose(sample: Sample, name: str, now: datetime, answers: Mapping[str, str] | None = None) -> Proposal:
    """Propose a source of id ``name`` for a sample; ``answers`` by question key go before any guess."""
    said = dict(answers or {})
    known = know(sample, said)
    form = shape(known, said)
    mapped = map_columns(known, form, name, said.get("customer_key"))
    place = guess_place(known.looks, known.parts)
    source = _source(known, form, mapped, name, place, said)
    newest = _newest(known, source, now)
    primary, ranked = _identity(source)
    asked = questions.ask(known, form, mapped, source, place, said)
    currency = said.get("currency") or place.currency
    clock: Literal["now", "data"] = "data" if newest and newest < now - OLD else "now"
    return Proposal(
        source=source, confidence=mapped.confidence, because=mapped.because, questions=asked,
        identity_primary=primary, identity_ranked=ranked, currency=currency, newest=newest, clock=clock,
        new_terms=_terms(form, mapped, name), sample=sample, name=name, now=now, answers=said,
    )  # fmt: skip


def apply_answer(proposal: Proposal, key: str, answer: str) -> Proposal:
    """Return the proposal that follows from an answer; raise BadInput for an unknown key or a wrong answer."""
    question = next((q for q in proposal.questions if q.key == key), None)
    if question is None:
        keys = [q.key for q in proposal.questions]
        raise BadInput(
            "question", value=key, rule="an answer belongs to an open question",
            next_step=did_you_mean(key, keys) or "there is no open question",
        )  # fmt: skip
    allowed = sorted(available_timezones()) if key == "time_zone" else question.choices
    currency = key == "currency" and len(answer) == 3 and answer.isalpha() and answer.isupper()
    if answer not in allowed and not currency:
        raise BadInput(
            f"answer to {key}", value=answer, rule=f"{question.text} is answered by one of its choices",
            next_step=did_you_mean(answer, allowed) or "take one of: " + ", ".join(question.choices),
        )  # fmt: skip
    answers = proposal.answers | {key: answer}
    return propose(proposal.sample, proposal.name, proposal.now, answers)


def _source(
    known: Known, form: Shape, mapped: Mapped, name: str, place: Guess, said: Mapping[str, str]
) -> Source:
    return Source(
        id=name,
        label=name.replace("_", " ").capitalize(),
        connector=known.sample.connector,
        grain=form.grain,
        read=_reading(known, mapped),
        columns=mapped.columns,
        account=mapped.account,
        key=mapped.key,
        event=name if form.own else form.event,
        time_zone=said.get("time_zone") or (place.zone if questions.zone_matters(known, mapped) else None) or "UTC",
        returns=_returns(known, form, said),
        status="draft",
        means="; ".join(known.sample.facts),
    )  # fmt: skip


def _reading(known: Known, mapped: Mapped) -> Reading:
    """Keep only date forms that a mapped column uses, the time's own before others."""
    read, dated = known.sample.reading, [known.looks[c].dates for c in mapped.dated]
    forms = list(dict.fromkeys(f for d in dated if d for f in d.forms))
    return Reading(
        encoding=read.encoding, separator=read.separator, decimal=read.decimal, sheet=read.sheet,
        dates=sorted(forms, key=lambda f: "%y" not in f), table=read.table, header=read.header, names=read.names,
    )  # fmt: skip


def _returns(known: Known, form: Shape, said: Mapping[str, str]) -> Returns:
    if form.grain == "person" or not {form.event, *form.values.values()} & {"order_completed"}:
        return Returns(when="never")
    if form.grain == "event":
        negative = "negative_amount" if "order_refunded" not in form.values.values() else "never"
        return Returns(when=said.get("returns", negative))  # type: ignore[arg-type]
    return Returns(when=said.get("returns", "negative_either"))  # type: ignore[arg-type]


def _newest(known: Known, source: Source, now: datetime) -> datetime | None:
    """Return the newest time of the sample, but for times after ``now`` (a wrong clock)."""
    column = next((c for c, to in source.columns.items() if _target(to) == "time"), None)
    if column is None:
        return None
    forms = source.read.dates
    times = {read_time(text, forms, source.time_zone) for text in known.looks[column].texts}
    until = (now if now.tzinfo else now.replace(tzinfo=UTC)) + timedelta(days=1)
    newest = max((t for t in times if t and t <= until), default=None)
    return newest if newest is None or now.tzinfo else newest.replace(tzinfo=None)


def _target(to: str | Column) -> str:
    return to.to if isinstance(to, Column) else to


def _identity(source: Source) -> tuple[str, list[str]]:
    """Return the identifier that tells people apart and those that may join accounts, best first."""
    have = {_target(to).removeprefix("id.") for to in source.columns.values()}
    terms = retail_terms()
    linking = [i for i in _IDENTIFIERS if i in have and (d := terms[i].identity) and d.links]
    others = [i for i in _IDENTIFIERS if i in have and i not in linking]
    ranked = linking or others or ["customer_id"]
    return ranked[0], linking[1:]


def _terms(form: Shape, mapped: Mapped, name: str) -> list[Term]:
    if not form.own:
        return mapped.terms
    label = name.replace("_", " ").capitalize()
    properties = {p: Property(type="text") for p in mapped.own_properties}
    event = Term(
        id=name, what="event", label=label, system=label + " Happened", properties=properties,
        means=f"A row of {name}; say what happened, for whom it counts and for whom it does not.",
        uses=Uses(target="allow", content="deny", insight="allow"), purposes=["analytics.reporting"], status="draft",
    )  # fmt: skip
    return [event, *mapped.terms]
