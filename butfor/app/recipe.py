"""Recipes: a proven piece of work as data. It is shown before, approved once by the client, run by an operator, and all in one log (R-069)."""

from __future__ import annotations

import getpass
import hashlib
import re
from datetime import date, datetime, timedelta
from importlib import resources
from typing import Any

import msgspec
from ruamel.yaml import YAML

from butfor.app.consequences import consequences
from butfor.app.workspace import Workspace
from butfor.model import BadInput, Refused
from butfor.plan import did_you_mean
from butfor.plan.files import kind_name
from butfor.plan.kinds import KINDS, Audience, Campaign, Definition, Experiment, Term

APPROVED, SAVED, LAUNCHED, READ = "approved", "saved", "launched", "read"
CLIENT, OPERATOR = "the client", "the operator"
_DAY = re.compile(r"today(?: \+ (\d+) days)?")


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """A recipe as it is shipped: what it does, the terms it needs, what it defines, launches and reads."""

    id: str
    label: str
    does: str
    needs: list[str]
    launches: str
    reads: str
    definitions: list[dict[str, Any]]

    @property
    def content(self) -> str:
        """Return the SHA-256 of the recipe: an approval is of exactly this content."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """What running a recipe would do: its steps, the people it reaches, and what that costs at most."""

    recipe: str
    label: str
    does: str
    steps: list[str]
    missing: list[str]
    people: int
    held_out: int
    cost_at_most: float
    currency: str
    content: str
    approved_by: str | None
    approved_at: datetime | None


class Logged(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the log of a recipe: which step, by whom, when, and what came of it."""

    run: str
    step: str
    who: str
    made_at: datetime
    says: str
    detail: dict[str, Any]


def recipes() -> list[Recipe]:
    """Return the recipes that are shipped."""
    folder = resources.files("butfor.app").joinpath("recipes")
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".yaml")), key=lambda f: f.name)
    return [msgspec.convert(YAML(typ="safe").load(f.read_text(encoding="utf-8")), Recipe) for f in files]


def recipe(name: str) -> Recipe:
    """Return the recipe of that name; raise BadInput when there is none."""
    known = {r.id: r for r in recipes()}
    if name not in known:
        raise BadInput("recipe", value=name, rule="a recipe is shipped with butfor", next_step=did_you_mean(name, list(known)) or "butfor recipe list")  # fmt: skip
    return known[name]


def show_recipe(ws: Workspace, name: str) -> Shown:
    """Return what a recipe would do here, before anybody approves it; nothing is written."""
    ws.need_run()
    found = recipe(name)
    made = _definitions(found, CLIENT, ws.now.date())
    campaign = next(d for d in made if isinstance(d, Campaign))
    test = next(d for d in made if isinstance(d, Experiment))
    audience = next(d for d in made if isinstance(d, Audience))
    missing = _missing(ws, found, audience)
    people = consequences(ws, audience).after if not missing else 0
    held = round(people * sum(a.share for a in test.arms.values() if a.variant is None))
    last = _last(ws, found, APPROVED)
    return Shown(
        recipe=found.id, label=found.label, does=found.does, steps=_steps(made), missing=missing, people=people, held_out=held,
        cost_at_most=_cost(campaign, people), currency=ws.plan.workspace.currency, content=found.content,
        approved_by=last["who"] if last else None, approved_at=last["made_at"] if last else None,
    )  # fmt: skip


def approve_recipe(ws: Workspace, name: str, who: str) -> Shown:
    """Write down that the client agrees to what is shown; raise BadInput where something is missing for it."""
    shown = show_recipe(ws, name)
    if not who.strip():
        raise BadInput("approval", value="nobody", rule="an approval has a name", next_step="--who NAME")
    if shown.missing:
        raise BadInput(f"recipe {name}", value=", ".join(shown.missing), rule="what it needs is there", next_step=f"butfor recipe show {name}")  # fmt: skip
    kept = {k: getattr(shown, k) for k in ("content", "people", "held_out", "cost_at_most", "currency")}
    _log(ws, name, f"{name}-{shown.content[:8]}", APPROVED, who, kept)
    return show_recipe(ws, name)


def run_recipe(ws: Workspace, name: str, who: str | None = None) -> list[Logged]:
    """Do the next step of an approved recipe, up to the readout; return its log. Repeating it does nothing twice.

    Raises Refused without an approval of exactly this content by somebody else, or when it would cost more than was shown.
    """
    found, operator = recipe(name), who or getpass.getuser()
    approval = _need_approval(ws, found, operator)
    run, client = str(approval["run"]), str(approval["who"])
    if _last(ws, found, LAUNCHED) is None:
        _save(ws, found, run, client, operator, approval["made_at"].date())
        _launch(ws, found, run, operator, msgspec.json.decode(approval["body"])["cost_at_most"])
    elif _last(ws, found, READ) is None and ws.as_of() >= _due(ws, found):
        _read(ws, found, run, operator)
    return recipe_log(ws, name)


def recipe_log(ws: Workspace, name: str) -> list[Logged]:
    """Return every step of a recipe, oldest first, what is still to come, and what it has cost so far."""
    found = recipe(name)
    rows = [
        Logged(run=r["run"], step=r["step"], who=r["who"], made_at=r["made_at"], detail=(d := msgspec.json.decode(r["body"])), says=_says(r["step"], d))
        for r in ws.hub.rows("recipe_log", recipe=name)
    ]  # fmt: skip
    if not _last(ws, found, LAUNCHED):
        return rows
    cost = sum(r["minor_units"] for r in ws.hub.rows("cost", campaign=found.launches)) / 100
    said = f"{cost:,.2f} {ws.plan.workspace.currency} so far"
    if _last(ws, found, READ) is None:
        said += f"; the readout is due on {_due(ws, found):%Y-%m-%d}: run it again then"
    return [
        *rows,
        Logged(
            run=rows[-1].run, step="cost", who="", made_at=rows[-1].made_at, says=said, detail={"cost": cost}
        ),
    ]


def _definitions(found: Recipe, client: str, today: date) -> list[Definition]:
    filled = [_filled(d, client, today) for d in found.definitions]
    return [msgspec.convert(d, KINDS[d["kind"]], strict=False) for d in filled]


def _filled(node: Any, client: str, today: date) -> Any:
    if isinstance(node, dict):
        return {_filled(k, client, today): _filled(v, client, today) for k, v in node.items()}
    if isinstance(node, list):
        return [_filled(v, client, today) for v in node]
    day = _DAY.fullmatch(node) if isinstance(node, str) else None
    if day:
        return (today + timedelta(days=int(day[1] or 0))).isoformat()
    return client if node == CLIENT else node


def _missing(ws: Workspace, found: Recipe, audience: Audience) -> list[str]:
    gone = [f"term {t}" for t in found.needs if ws.plan.find(Term, t) is None]
    asked = [str(r.audience).partition(".")[0] for r in (audience.rule.any or [] if audience.rule else []) if r.audience]  # fmt: skip
    return gone + [f"audience {a}" for a in sorted(set(asked)) if ws.plan.find(Audience, a) is None]


def _steps(made: list[Definition]) -> list[str]:
    created = [f"define {kind_name(type(d))} {d.id}: {getattr(d, 'label', '') or getattr(d, 'want', '')}" for d in made]  # fmt: skip
    campaign = next(d for d in made if isinstance(d, Campaign))
    test = next(d for d in made if isinstance(d, Experiment))
    arms = ", ".join(f"{a.label or n} {a.share:.0%}" for n, a in test.arms.items())
    return [
        *created, f"launch campaign {campaign.id} over {campaign.channel}, drawn by lot: {arms}",
        f"read {test.id} {test.window_days} days later, with costs and return",
    ]  # fmt: skip


def _cost(campaign: Campaign, people: int) -> float:
    """Return what sending to everybody would cost, with the hours of making it: more than that it cannot be."""
    costs = [campaign.cost, *(v.cost for v in campaign.variants.values())]
    fixed = sum(c.one_off + c.hours * c.per_hour for c in costs)
    return round(fixed + people * max(v.cost.per_send for v in campaign.variants.values()), 2)


def _last(ws: Workspace, found: Recipe, step: str) -> dict[str, Any] | None:
    """Return the last row of a step of this very content, or None."""
    run = f"{found.id}-{found.content[:8]}"
    rows = ws.hub.rows("recipe_log", recipe=found.id, run=run, step=step)
    return rows[-1] if rows else None


def _need_approval(ws: Workspace, found: Recipe, operator: str) -> dict[str, Any]:
    row = _last(ws, found, APPROVED)
    if row is None:
        raise Refused(
            f"recipe {found.id}", value="not approved", rule="the client approves once, before anything is done (R-069)",
            next_step=f"butfor recipe approve {found.id} --who CLIENT",
        )  # fmt: skip
    if row["who"] == operator:
        raise Refused(
            f"recipe {found.id}", value=f"{operator} approved it", rule="who approves is not who runs it",
            next_step="have somebody else run it, and name them with --who",
        )  # fmt: skip
    return row


def _save(ws: Workspace, found: Recipe, run: str, client: str, operator: str, today: date) -> None:
    made = _definitions(found, client, today)
    for each in made:
        if (old := ws.plan.find(type(each), each.id)) is not None and old != each:
            raise Refused(
                f"{kind_name(type(each))} {each.id}", value="is there already and differs", rule="a recipe writes over nothing",
                next_step="rename or retire yours, then run again",
            )  # fmt: skip
    for each in made:
        if ws.plan.find(type(each), each.id) is None:
            ws.save(each, f"recipe {found.id}, approved by {client} on {today}", operator)
            _log(ws, found.id, run, SAVED, operator, {"kind": kind_name(type(each)), "id": each.id})
    ws.recompute()


def _launch(ws: Workspace, found: Recipe, run: str, operator: str, at_most: float) -> None:
    dry = ws.launch(found.launches, dry=True)
    if dry.cost > at_most:
        raise Refused(
            f"recipe {found.id}", value=f"{dry.cost:,.2f}", rule=f"it may cost {at_most:,.2f} at most: that was approved",
            next_step=f"butfor recipe approve {found.id} again, with today's figures",
        )  # fmt: skip
    done = ws.launch(found.launches)
    kept = ("campaign", "audience", "sent", "held", "suppressed", "by_arm", "cost", "outbox")
    _log(ws, found.id, run, LAUNCHED, operator, {k: getattr(done, k) for k in kept} | {"as_of": done.as_of})


def _due(ws: Workspace, found: Recipe) -> datetime:
    row = _last(ws, found, LAUNCHED)
    assert row is not None
    begun = datetime.fromisoformat(msgspec.json.decode(row["body"])["as_of"])
    return begun + timedelta(days=ws.plan.get(Experiment, found.reads).window_days)


def _read(ws: Workspace, found: Recipe, run: str, operator: str) -> None:
    readout = ws.readout(found.reads)
    try:
        returns, refused = ws.returns(readout), ""
    except Refused as error:
        returns, refused = [], str(error)
    body = {
        "address": readout.content_address, "sentence": readout.decision, "roi_refused": refused,
        "returns": [{"arm": r.arm, "roi": r.roi.roi if r.roi else None, "verdict": r.roi.verdict if r.roi else r.refused} for r in returns],
    }  # fmt: skip
    _log(ws, found.id, run, READ, operator, body)


def _log(ws: Workspace, name: str, run: str, step: str, who: str, body: dict[str, Any]) -> None:
    told = msgspec.json.encode(body).decode()
    row = {"recipe": name, "run": run, "step": step, "who": who, "made_at": ws.now, "body": told}
    ws.hub.append("recipe_log", [row])


def _says(step: str, detail: dict[str, Any]) -> str:
    if step == APPROVED:
        return f"{detail['people']:,} people, {detail['held_out']:,} held out, at most {detail['cost_at_most']:,.2f} {detail['currency']}"
    if step == SAVED:
        return f"{detail['kind']} {detail['id']}"
    if step == LAUNCHED:
        return f"{detail['sent']:,} sent, {detail['held']:,} held out of {detail['audience']:,}; cost {detail['cost']:,.2f}"
    return f"{detail['sentence']} " + "; ".join(f"{r['arm']}: {r['verdict']}" for r in detail["returns"])
