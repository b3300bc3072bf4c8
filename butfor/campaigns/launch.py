"""Run a campaign: gate, people, decisions, assignments, contacts, costs, and the channel; repeating it adds nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import msgspec
import pyarrow as pa
from sqlglot import exp

from butfor.campaigns.cooling import fresh_merges, promised
from butfor.campaigns.gate import check_unchanged, goal_experiment, pass_gate
from butfor.campaigns.render import Renderer, content_attributes
from butfor.campaigns.standing import held_accounts, may_change, standing, waiting
from butfor.channels import Message, channel
from butfor.channels.consent import WITHDRAWN, consents
from butfor.decide import Candidate, Decision, decide
from butfor.experiments.design import check_design, definition_hash, salt_of
from butfor.experiments.outcomes import ASSIGNMENT, staged_assignment
from butfor.identity import PEOPLE_MAP
from butfor.identity.changes import known_as
from butfor.identity.read import people_map, stage_ids
from butfor.identity.sync import map_of_people, of_some
from butfor.plan import Plan
from butfor.plan.kinds import Campaign, Experiment, Term, Variant
from butfor.profiles import attributes
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
def candidates(
    audience: str,
    address: str,
    refusals: list[str],
    bounces: list[str],
    opened: list[str],
    closed: list[str],
    as_of: datetime,
) -> exp.Expression:
    """People of an audience with one address each, verified ones first, and whether any of their accounts refused, bounced or complained.

    Who refused on one account is refused at that address, whoever else has it too.
    """
    return sql(
        """
        WITH person AS (
          SELECT m.person_id, p.account_id FROM membership AS m JOIN people_map AS p ON p.person_id = m.person_id
          WHERE m.audience = :audience
        ), reach AS (
          SELECT q.person_id, coalesce(min(CASE WHEN coalesce(i.verified, true) THEN i.val END), min(i.val)) AS address
          FROM person AS q JOIN identifier AS i ON i.account_id = q.account_id
          WHERE i.term = :address GROUP BY q.person_id
        ), no_address AS (
          SELECT DISTINCT i.val FROM _refusals AS e JOIN identifier AS i ON i.account_id = e.account_id WHERE i.term = :address
        ), said_no AS (
          SELECT DISTINCT q.person_id FROM person AS q JOIN _refusals AS e ON e.account_id = q.account_id
          UNION
          SELECT r.person_id FROM reach AS r JOIN no_address AS a ON a.val = r.address
        ), bounced AS (
          SELECT DISTINCT q.person_id FROM person AS q JOIN _bounces AS e ON e.account_id = q.account_id
        ), complained AS (
          SELECT DISTINCT q.person_id FROM person AS q JOIN _opened AS e ON e.account_id = q.account_id
          WHERE e.occurred_at <= :as_of AND NOT EXISTS (
            SELECT 1 FROM _closed AS c WHERE c.case_id = e.case_id AND c.source = e.source
              AND c.occurred_at >= e.occurred_at AND c.occurred_at <= :as_of)
        )
        SELECT DISTINCT q.person_id, r.address, n.person_id IS NOT NULL AS refused, b.person_id IS NOT NULL AS bounced,
               o.person_id IS NOT NULL AS open_case
        FROM person AS q
        LEFT JOIN reach AS r ON r.person_id = q.person_id
        LEFT JOIN said_no AS n ON n.person_id = q.person_id
        LEFT JOIN bounced AS b ON b.person_id = q.person_id
        LEFT JOIN complained AS o ON o.person_id = q.person_id
        ORDER BY q.person_id
        """,
        tables={
            "_refusals": _accounts(refusals),
            "_bounces": _accounts(bounces),
            "_opened": _cases(opened),
            "_closed": _cases(closed),
        },
        audience=audience,
        address=address,
        as_of=as_of,
    )


def _accounts(tables: list[str]) -> exp.Expression | str:
    if tables:
        return tables[0]
    return sql("SELECT account_id FROM account WHERE false")


def _cases(tables: list[str]) -> exp.Expression | str:
    if tables:
        return tables[0]
    return sql(
        "SELECT account_id, source, account_key AS case_id, CAST(NULL AS TIMESTAMP) AS occurred_at FROM account WHERE false"
    )


@named("campaigns.attributes")
def known_attributes(names: dict[str, list[str]], address: str) -> exp.Expression:
    """What may be shown in content to the staged people, from accounts that carry the very address written to.

    Two accounts may be one person by mistake; then the one must not read what the other told.
    """
    own = sql(
        """
        SELECT DISTINCT i.account_id, s.person_id FROM staged_sends AS s
        JOIN people_map AS m ON m.person_id = s.person_id
        JOIN identifier AS i ON i.account_id = m.account_id AND i.val = s.address WHERE i.term = :address
        """,
        address=address,
    )
    found = attributes(names).transform(_at_address, own)
    assert isinstance(found, exp.Select)
    return found.order_by(column("person_id", "p"))


def _at_address(node: exp.Expression, own: exp.Expression) -> exp.Expression:
    if not isinstance(node, exp.Table) or node.name != "people_map":
        return node
    return cast(
        exp.Expression, exp.alias_(exp.Subquery(this=own.copy()), node.alias or node.name, table=True)
    )


def launch(
    plan: Plan, hub: Hub, lake: Lake, folder: Path, campaign: Campaign, *, as_of: datetime, dry: bool = False,
    send_at: datetime | None = None,
) -> CampaignRun:  # fmt: skip
    """Decide and deliver a campaign to its audience as of a time; raise Refused when the gate or the design says no.

    With ``dry`` nothing is written and nobody is told: the result shows what would happen. With ``send_at`` everything
    is decided and written down now, and delivered by the first launch at or after that time.
    """
    pass_gate(plan, lake, campaign, as_of)
    experiment = goal_experiment(plan, campaign)
    if experiment is not None:
        check_design(experiment)
        check_unchanged(hub, experiment)
    renderers = {name: _renderer(plan, variant) for name, variant in campaign.variants.items()}
    sender = channel(campaign.channel, folder, campaign.id)
    fresh = _decisions(hub, lake, plan, campaign, experiment, as_of)
    earlier = hub.rows("contact", campaign=campaign.id)
    belongs = _belongs(lake, held_accounts(earlier))
    decisions = standing(earlier, known_as(hub, {r["person_id"] for r in earlier}), fresh, as_of, belongs)
    if send_at and send_at > as_of:
        decisions = [waiting(d) for d in decisions]
    run = _summary(campaign, experiment, decisions, as_of)
    if dry:
        return run
    new = record(hub, campaign, experiment, decisions, as_of, send_at, _accounts_of_held(lake, decisions))
    _publish(lake, hub, experiment)
    _costs(hub, plan, campaign, as_of)
    # Who said no after a run that was killed is not written to, whatever was decided then.
    willing = {d.person_id for d in fresh if d.outcome == "sent"}
    receipt = sender.send(
        _messages(lake, plan, renderers, [d for d in decisions if d.person_id in willing], campaign.address)
    )
    return msgspec.structs.replace(run, repeated=len(decisions) - new, outbox=receipt.where)


def _belongs(lake: Lake, accounts: set[str]) -> dict[str, str]:
    """Return the person of each account now."""
    stage_ids(lake, "staged_some", accounts)
    return {
        r["account_id"]: r["person_id"] for r in lake.fetch(of_some(people_map(), "staged_some")).to_pylist()
    }


def _accounts_of_held(lake: Lake, decisions: list[Decision]) -> dict[str, list[str]]:
    stage_ids(lake, "staged_held", {d.person_id for d in decisions if d.outcome == "held"}, "person_id")
    out: dict[str, list[str]] = {}
    for row in lake.fetch(map_of_people("staged_held")).to_pylist():
        out.setdefault(row["person_id"], []).append(row["account_id"])
    return out


def _decisions(
    hub: Hub, lake: Lake, plan: Plan, campaign: Campaign, experiment: Experiment | None, as_of: datetime
) -> list[Decision]:
    have = lake.tables()
    query: Query = candidates(
        campaign.audience,
        campaign.address,
        [t for t in ["ev_unsubscribed"] if t in have],
        [t for t in ["ev_email_bounced"] if t in have],
        [t for t in ["ev_complaint_opened"] if t in have],
        [t for t in ["ev_complaint_closed"] if t in have],
        as_of,
    )
    salt = salt_of(experiment) if experiment else ""
    rows = lake.fetch(query).to_pylist()
    no = consents(hub, campaign.address, {r["address"] for r in rows if r["address"]})
    days = plan.workspace.cool_off_days
    merged = fresh_merges(hub, as_of, days)
    out = []
    for r in rows:
        person, address = r["person_id"], r["address"]
        refused = bool(r["refused"]) or (address in no and no[address].verdict == WITHDRAWN)
        before = promised(hub, plan, {person, *merged[person]}, as_of) if person in merged else frozenset()
        who = Candidate(
            person, address, refused, bool(r["bounced"]), person in merged, before, bool(r["open_case"])
        )
        out.append(decide(who, campaign, experiment, salt, days))
    return out


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


def record(
    hub: Hub, campaign: Campaign, experiment: Experiment | None, decisions: list[Decision], as_of: datetime,
    send_at: datetime | None, accounts: Mapping[str, list[str]],
) -> int:  # fmt: skip
    """Write assignments before contacts: a contact without its assignment could never be read.

    ``accounts`` are those of the people held out.
    """
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
            "due_at": send_at,
            "accounts": msgspec.json.encode(accounts[d.person_id]).decode()
            if d.person_id in accounts
            else None,
        }
        for d in decisions
    ]
    new = hub.append("contact", contacts, once=True)
    _renew(hub, campaign, decisions)
    return new


def _renew(hub: Hub, campaign: Campaign, decisions: list[Decision]) -> None:
    """Write down what became of contacts that waited, or that a cool-off held."""
    open_ = {r["message_key"]: r for r in hub.rows("contact", campaign=campaign.id) if may_change(r)}
    for d in decisions:
        row = open_.get(d.message_key)
        if row and (row["outcome"], row["reason"]) != (d.outcome, d.reason):
            hub.update("contact", msgspec.structs.asdict(d), id=row["id"])


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
    address: str,
) -> Iterable[Message]:
    names = content_attributes(plan)
    sends = [d for d in decisions if d.outcome == "sent" and d.variant and d.address]
    ids, addresses = (pa.array([getattr(d, f) for d in sends], pa.string()) for f in ("person_id", "address"))
    lake.stage("staged_sends", pa.table({"person_id": ids, "address": addresses}), like=PEOPLE_MAP)
    owners = {n: plan.get(Term, n).sources for n in names}
    rows = lake.fetch(known_attributes(owners, address)).to_pylist() if names else []
    known = {r.pop("person_id"): r for r in rows}
    for d in sends:
        if d.variant and d.address:
            subject, body = (r.render(known.get(d.person_id, {})) for r in renderers[d.variant])
            yield Message(d.message_key, d.address, subject, body)


def _renderer(plan: Plan, variant: Variant) -> tuple[Renderer, Renderer]:
    return Renderer(plan, variant.subject), Renderer(plan, variant.body)
