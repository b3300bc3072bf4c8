"""Run a campaign: gate, people, decisions, assignments, contacts, costs, and the channel; repeating it adds nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
from sqlglot import exp

from butfor.campaigns.gate import check_unchanged, goal_experiment, pass_gate
from butfor.campaigns.render import Renderer, content_attributes
from butfor.channels import Message, channel
from butfor.decide import Candidate, Decision, decide
from butfor.experiments.design import check_design, definition_hash, salt_of
from butfor.experiments.outcomes import ASSIGNMENT, staged_assignment
from butfor.plan import Plan
from butfor.plan.kinds import Campaign, Experiment, Variant
from butfor.store import Hub, Lake, Query, column, named, sql


class CampaignRun(msgspec.Struct, frozen=True, kw_only=True):
    """What a run decided: people in the audience, sent, held out, suppressed by reason, and the cost of sending."""

    campaign: str
    experiment: str | None
    definition_hash: str | None
    audience: int
    sent: int
    held: int
    suppressed: dict[str, int]
    by_arm: dict[str, int]
    repeated: int
    cost: float
    outbox: str
    as_of: datetime


@named("campaigns.candidates")
def candidates(audience: str, address: str, refusals: list[str], bounces: list[str]) -> exp.Expression:
    """People of an audience with one address each, and whether any of their accounts refused or bounced."""
    return sql(
        """
        WITH person AS (
          SELECT m.person_id, p.account_id FROM membership AS m JOIN people_map AS p ON p.person_id = m.person_id
          WHERE m.audience = :audience
        ), reach AS (
          SELECT q.person_id, min(i.val) AS address FROM person AS q JOIN identifier AS i ON i.account_id = q.account_id
          WHERE i.term = :address GROUP BY q.person_id
        ), said_no AS (
          SELECT DISTINCT q.person_id FROM person AS q JOIN _refusals AS e ON e.account_id = q.account_id
        ), bounced AS (
          SELECT DISTINCT q.person_id FROM person AS q JOIN _bounces AS e ON e.account_id = q.account_id
        )
        SELECT DISTINCT q.person_id, r.address, n.person_id IS NOT NULL AS refused, b.person_id IS NOT NULL AS bounced
        FROM person AS q
        LEFT JOIN reach AS r ON r.person_id = q.person_id
        LEFT JOIN said_no AS n ON n.person_id = q.person_id
        LEFT JOIN bounced AS b ON b.person_id = q.person_id
        ORDER BY q.person_id
        """,
        tables={"_refusals": _accounts(refusals), "_bounces": _accounts(bounces)},
        audience=audience,
        address=address,
    )


def _accounts(tables: list[str]) -> exp.Expression | str:
    if tables:
        return tables[0]
    return sql("SELECT account_id FROM account WHERE false")


@named("campaigns.attributes")
def known_attributes(names: list[str]) -> exp.Expression:
    """What may be shown in content, for every person."""
    base = sql("SELECT person_id FROM traits ORDER BY person_id")
    assert isinstance(base, exp.Select)
    return base.select(*[column(n) for n in names])


def launch(
    plan: Plan, hub: Hub, lake: Lake, folder: Path, campaign: Campaign, *, as_of: datetime, dry: bool = False
) -> CampaignRun:
    """Decide and deliver a campaign to its audience as of a time; raise Refused when the gate or the design says no.

    With ``dry`` nothing is written and nobody is told: the result shows what would happen.
    """
    pass_gate(plan, lake, campaign, as_of)
    experiment = goal_experiment(plan, campaign)
    if experiment is not None:
        check_design(experiment)
        check_unchanged(hub, experiment)
    renderers = {name: _renderer(plan, variant) for name, variant in campaign.variants.items()}
    sender = channel(campaign.channel, folder, campaign.id)
    fresh = _decisions(lake, plan, campaign, experiment)
    decisions = _standing(hub, campaign, fresh)
    run = _summary(campaign, experiment, decisions, as_of)
    if dry:
        return run
    new = _record(hub, campaign, experiment, decisions, as_of)
    _publish(lake, hub, experiment)
    _costs(hub, plan, campaign, as_of)
    # Who said no after a run that was killed is not written to, whatever was decided then.
    willing = {d.person_id for d in fresh if d.outcome == "sent"}
    receipt = sender.send(_messages(lake, plan, renderers, [d for d in decisions if d.person_id in willing]))
    return msgspec.structs.replace(run, repeated=len(decisions) - new, outbox=receipt.where)


def _decisions(lake: Lake, plan: Plan, campaign: Campaign, experiment: Experiment | None) -> list[Decision]:
    have = lake.tables()
    query: Query = candidates(
        campaign.audience,
        campaign.address,
        [t for t in ["ev_unsubscribed"] if t in have],
        [t for t in ["ev_email_bounced"] if t in have],
    )
    salt = salt_of(experiment) if experiment else ""
    rows = lake.fetch(query).to_pylist()
    people = (Candidate(r["person_id"], r["address"], bool(r["refused"]), bool(r["bounced"])) for r in rows)
    return [decide(p, campaign, experiment, salt) for p in people]


def _standing(hub: Hub, campaign: Campaign, fresh: list[Decision]) -> list[Decision]:
    """Return what stands for each person: the decision in the ledger, else the fresh one.

    A person whom an earlier run suppressed stays so: the ledger would show a message as never sent.
    """
    earlier = {row["person_id"]: row for row in hub.rows("contact", campaign=campaign.id)}
    fields = Decision.__struct_fields__
    return [
        Decision(**{f: earlier[d.person_id][f] for f in fields}) if d.person_id in earlier else d
        for d in fresh
    ]


def _summary(
    campaign: Campaign, experiment: Experiment | None, decisions: list[Decision], as_of: datetime
) -> CampaignRun:
    outcomes = Counter(d.outcome for d in decisions)
    sends = Counter(d.variant for d in decisions if d.outcome == "sent")
    return CampaignRun(
        campaign=campaign.id,
        experiment=experiment.id if experiment else None,
        definition_hash=definition_hash(experiment) if experiment else None,
        audience=len(decisions),
        sent=outcomes["sent"],
        held=outcomes["held"],
        suppressed=dict(sorted(Counter(d.reason for d in decisions if d.outcome == "suppressed").items())),
        by_arm=dict(sorted(Counter(d.arm for d in decisions if d.arm).items())),
        repeated=0,
        cost=sum(amount for _, amount, _ in _items(campaign, sends)),
        outbox="",
        as_of=as_of,
    )


def _record(
    hub: Hub, campaign: Campaign, experiment: Experiment | None, decisions: list[Decision], as_of: datetime
) -> int:
    """Write assignments before contacts: a contact without its assignment could never be read."""
    if experiment is not None:
        stamp = definition_hash(experiment)
        rows: list[dict[str, Any]] = [
            {
                "experiment": experiment.id,
                "person_id": d.person_id,
                "arm": d.arm,
                "definition_hash": stamp,
                "assigned_at": as_of,
            }
            for d in decisions
            if d.arm
        ]
        hub.append("assignment", rows, once=True)
    contacts = [
        msgspec.structs.asdict(d)
        | {
            "campaign": campaign.id,
            "experiment": campaign.experiment,
            "channel": campaign.channel,
            "made_at": as_of,
        }
        for d in decisions
    ]
    return hub.append("contact", contacts, once=True)


def _publish(lake: Lake, hub: Hub, experiment: Experiment | None) -> None:
    """Copy the assignments to the lake, where outcomes are."""
    lake.ensure(ASSIGNMENT)
    if experiment is None:
        return
    rows = [{k: r[k] for k in ASSIGNMENT.columns} for r in hub.rows("assignment", experiment=experiment.id)]
    lake.stage("staged_assignment", pa.Table.from_pylist(rows, schema=ASSIGNMENT.arrow_schema()))
    lake.insert("assignment", staged_assignment())


def _items(campaign: Campaign, sends: Mapping[str | None, int]) -> list[tuple[str, float, str | None]]:
    """Return what a number of sends per variant costs, as (item, amount, variant)."""
    found: list[tuple[str, float, str | None]] = []
    for name, variant in campaign.variants.items():
        found.append((f"sending {name}", sends.get(name, 0) * variant.cost.per_send, name))
        found.append(
            (f"making {name}", variant.cost.one_off + variant.cost.hours * variant.cost.per_hour, name)
        )
    found.append(("campaign", campaign.cost.one_off + campaign.cost.hours * campaign.cost.per_hour, None))
    return [item for item in found if item[1]]


def _costs(hub: Hub, plan: Plan, campaign: Campaign, as_of: datetime) -> None:
    """Book what all messages of a campaign cost and no run has booked yet, also one that was killed."""
    sends = Counter(r["variant"] for r in hub.rows("contact", campaign=campaign.id, outcome="sent"))
    booked: Counter[str] = Counter()
    for row in hub.rows("cost", campaign=campaign.id):
        booked[row["item"]] += row["minor_units"]
    rows = [
        {
            "key": f"{campaign.id}/{item}" + (f"/{sends[variant]}" if booked[item] else ""), "campaign": campaign.id,
            "item": item, "variant": variant, "minor_units": more, "currency": plan.workspace.currency, "made_at": as_of,
        }
        for item, amount, variant in _items(campaign, sends)
        if (more := round(amount * 100) - booked[item]) > 0
    ]  # fmt: skip
    hub.append("cost", rows, once=True)


def _messages(
    lake: Lake,
    plan: Plan,
    renderers: Mapping[str, tuple[Renderer, Renderer]],
    decisions: Iterable[Decision],
) -> Iterable[Message]:
    names = content_attributes(plan)
    known = {r.pop("person_id"): r for r in lake.fetch(known_attributes(names)).to_pylist()} if names else {}
    for d in decisions:
        if d.outcome == "sent" and d.variant and d.address:
            subject, body = (r.render(known.get(d.person_id, {})) for r in renderers[d.variant])
            yield Message(d.message_key, d.address, subject, body)


def _renderer(plan: Plan, variant: Variant) -> tuple[Renderer, Renderer]:
    return Renderer(plan, variant.subject), Renderer(plan, variant.body)
