"""The demo: a simulated shop with known truth, worked by the product's own verbs, and what it found beside it.

A brand's six source files are written to a folder; a workspace is made from samples of them; they are loaded;
people, audiences and a tested win-back campaign follow; four weeks pass in the simulated shop; the new deliveries
are loaded; the readout says what the campaign earned. Only then is the truth opened.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from butfor.app import ArmReturn, Ran, Workspace, open_workspace, start
from butfor.campaigns import CampaignRun
from butfor.experiments.readout import Readout
from butfor.ingest import Loaded
from butfor.model import Interval, Refused
from butfor.plan import load_workspace_file, save_definition, save_workspace_file
from butfor.plan.kinds import (
    Arm,
    Audience,
    Campaign,
    Cost,
    Definition,
    Expectation,
    Experiment,
    Goal,
    Hypothesis,
    IdentityDecision,
    Metric,
    Rule,
    Threshold,
    Variant,
)
from butfor.profiles import GapCurve
from butfor.simulate import Response, Shop, ShopSettings, simulate_shop

DAYS = 28
HEADLINE = "personalised"
_MARK = ".butfor-demo"
_LEVELS = {"personal": HEADLINE, "generic": "generic"}


class DemoArm(msgspec.Struct, frozen=True, kw_only=True):
    """One treated arm: margin per person planted and measured against no mail, in the shop's currency."""

    arm: str
    people: int
    planted_per_person: float
    measured_per_person: float
    interval: Interval
    planted_margin: float
    measured_margin: float
    cost: float
    roi: float | None
    roi_interval: Interval | None
    verdict: str


class DemoResult(msgspec.Struct, frozen=True, kw_only=True):
    """What was planted beside what was measured; money in the shop's currency, ROI as a share of cost."""

    people: dict[str, int]
    events: dict[str, int]
    arms: list[DemoArm]
    held_out: int
    planted_margin: float
    measured_margin: float
    interval: Interval
    cost: float
    roi: float | None
    roi_interval: Interval | None
    verdict: str
    covered: bool
    currency: str
    seconds: float
    folder: str
    report: str = ""


class DemoStory(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the demo made, for its report."""

    result: DemoResult
    loads: list[Loaded]
    ran: Ran
    run: CampaignRun
    readout: Readout
    returns: list[ArmReturn]
    grid: list[dict[str, Any]]
    lifecycle: list[dict[str, Any]]
    inactive: GapCurve | None
    metrics: dict[str, Metric]


def run_demo(
    folder: Path, *, people: int = 20_000, seed: int = 7, progress: Callable[[str], None] | None = None
) -> DemoStory:
    """Run the whole demo in ``folder``, which must be new, empty, or an earlier demo's.

    Deterministic for given ``people`` and ``seed``. Raises Refused when the folder holds something else.
    """
    began = time.perf_counter()
    tell = progress or (lambda step: None)
    _clear(folder)
    tell(f"a shop with {people:,} people opens")
    shop = simulate_shop(ShopSettings(people=people, seed=seed))
    files = shop.write(folder / "deliveries")
    now = datetime.combine(shop.settings.ends + timedelta(days=1), datetime.min.time())
    tell("init: a plan, and six sources proposed from samples")
    make_workspace(folder, files, now, shop)
    with open_workspace(folder, now=now) as ws:
        _refuse_errors(ws)
        loads = [ws.load(name, str(path), partial(_tell_load, tell, name)) for name, path in files.items()]
        ran = ws.run(progress=lambda step: tell(f"run: {step}"))
        grid, lifecycle, inactive = ws.rfm_cells(), ws.lifecycle(), ws.suggest_inactive()
        tell("launch: a win-back mail, personal, generic, and a control group")
        run = ws.launch("win_back")
        contacts = ws.contacts("win_back")
    tell("four weeks pass")
    response = shop.respond(messages_of(contacts), days=DAYS)
    later = response.write(folder / "deliveries")
    with open_workspace(folder, now=now + timedelta(days=DAYS + 1)) as ws:
        loads += [ws.load(name, str(path), partial(_tell_load, tell, name)) for name, path in later.items()]
        ws.run(progress=lambda step: tell(f"run: {step}"))
        tell("readout")
        readout = ws.readout("win_back_test")
        returns = ws.returns(readout)
        currency = ws.plan.workspace.currency
        metrics = {m.id: m for m in ws.plan.all(Metric)}
    arms = [_arm(readout, back, response) for back in returns]
    headline = next(a for a in arms if a.arm == "personal")
    result = DemoResult(
        people=_people(shop, ran),
        events=_events(loads),
        arms=arms,
        held_out=run.held,
        planted_margin=headline.planted_margin,
        measured_margin=headline.measured_margin,
        interval=headline.interval.scaled(headline.people),
        cost=headline.cost,
        roi=headline.roi,
        roi_interval=headline.roi_interval,
        verdict=headline.verdict,
        covered=headline.interval.scaled(headline.people).covers(headline.planted_margin),
        currency=currency,
        seconds=round(time.perf_counter() - began, 1),
        folder=str(folder),
    )
    return DemoStory(
        result=result, loads=loads, ran=ran, run=run, readout=readout, returns=returns, grid=grid, lifecycle=lifecycle,
        inactive=inactive, metrics=metrics,
    )  # fmt: skip


def _tell_load(tell: Callable[[str], None], name: str, step: str) -> None:
    tell(f"load {name}: {step}")


def _clear(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()):
        if not (folder / _MARK).exists():
            raise Refused(
                f"folder {folder}", value="not empty, and no earlier demo",
                rule="the demo writes only into a folder that is new, empty or its own",
                next_step="name another folder: butfor demo DIR",
            )  # fmt: skip
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _MARK).write_text("made by butfor demo; it may be removed\n", encoding="utf-8")


def make_workspace(folder: Path, files: dict[str, Path], now: datetime, shop: Shop) -> None:
    """Do what a brand does first: a source from each sample, the identity decision, a goal, an audience, a test."""
    for name, path in files.items():
        start(folder, str(path), name=name, currency="EUR", margin=shop.settings.margin_rate, now=now)
    workspace = load_workspace_file(folder)
    # The brand answers the questions that init left open.
    save_workspace_file(
        folder,
        msgspec.structs.replace(
            workspace,
            name="demo_shop",
            clock="now",
            time_zone="Europe/Berlin",
            questions=[],
            identity=IdentityDecision(
                primary="customer_id",
                ranked=["loyalty_card", "email"],
                decided_by="head of CRM",
                why="shop and CRM give everybody a number; card and address join them across systems",
            ),
        ),
    )
    for definition in demo_definitions(now.date()):
        save_definition(folder, definition)


def _refuse_errors(ws: Workspace) -> None:
    errors = [p for p in ws.check() if p.level == "error"]
    if errors:
        raise Refused(
            "the demo's plan",
            value=str(errors[0]),
            rule="a plan is sound before it is used",
            next_step="report this as a defect",
        )


def demo_definitions(today: date) -> list[Definition]:
    """Return what a marketer adds: a goal, an audience, a campaign in two versions, and its test."""
    return [
        Goal(
            id="win_back_margin", status="active", want="a win-back mail to customers who are slipping away",
            to_do="show each of them what is new in the category they like", leads_to="margin_per_person",
            by_when=today + timedelta(days=60), how_much="+0.40 EUR per person in four weeks", method="incremental",
            accountable="CRM marketer", doers=["CRM marketer"], approver="head of CRM",
            sign_offs={"head of CRM": today, "CFO": today},
            expect=Expectation(low=0.2, likely=0.6, high=1.2, because="win-back mails of other shops"),
        ),
        Audience(
            id="slipping", label="Slipping customers", why="They bought before and are late; a reminder may still reach them.",
            rule=Rule(all=[Rule(trait="orders", at_least=1), Rule(trait="recency_days", between=[90, 365])]),
        ),
        Campaign(
            id="win_back", label="Win-back mail", goal="win_back_margin", goal_event="order_completed", audience="slipping",
            experiment="win_back_test", channel="dry_run", address="email",
            variants={
                "generic": Variant(subject="New this week", body="See what is new in our shop.", depth=0, cost=Cost(per_send=0.02, hours=4, per_hour=40)),
                "personal": Variant(
                    subject="{{ first_name }}, new this week",
                    body="Dear {{ first_name }}, see what is new in {{ city }} and in our shop.",
                    depth=1, cost=Cost(per_send=0.02, hours=16, per_hour=40),
                ),
            },
        ),
        Experiment(
            id="win_back_test", label="Win-back: personal, generic or no mail",
            hypothesis=Hypothesis(
                audience="slipping customers", change="a personal win-back mail", metric="margin_per_person",
                direction="up", minimum_effect=0.3,
            ),
            metrics=["margin_per_person", "purchase_rate"], threshold=Threshold(alpha=0.05), window_days=DAYS,
            salt="win-back", multiplicity="holm",
            arms={
                "personal": Arm(share=0.4, variant="personal", label="personal mail"),
                "generic": Arm(share=0.3, variant="generic", label="generic mail"),
                "none": Arm(share=0.3, control=True, label="no mail"),
            },
            expect=Expectation(low=0.2, likely=0.6, high=1.2, because="win-back mails of other shops"),
        ),
    ]  # fmt: skip


def messages_of(contacts: Sequence[dict[str, Any]]) -> pa.Table:
    """Return what the simulated people receive: held-out people get nothing, and are counted."""
    rows = [c for c in contacts if c["outcome"] != "suppressed"]
    levels = [_LEVELS.get(str(c["variant"]), "none") for c in rows]
    return pa.table({"email": [c["address"] for c in rows], "level": levels})


def _arm(readout: Readout, back: ArmReturn, response: Response) -> DemoArm:
    effect = readout.effect("margin_per_person", back.arm)
    truth = response.planted[_LEVELS[back.arm]]
    roi = back.roi
    return DemoArm(
        arm=back.arm,
        people=effect.n_treatment,
        planted_per_person=float(truth["margin_caused"]) / effect.n_treatment,
        measured_per_person=effect.difference,
        interval=effect.deciding_interval,
        planted_margin=float(truth["margin_caused"]),
        measured_margin=effect.difference * effect.n_treatment,
        cost=roi.cost if roi else 0.0,
        roi=roi.roi if roi else None,
        roi_interval=(roi.corrected if roi.decides == "skew" and roi.corrected else roi.interval)
        if roi
        else None,
        verdict=roi.verdict if roi else back.refused,
    )


def _people(shop: Shop, ran: Ran) -> dict[str, int]:
    """Return people planted, those of them that left a name in any source, and people found."""
    accounts = shop.accounts()
    seen = accounts.filter(pa.compute.not_equal(accounts["source"], "web"))
    visible = len(np.unique(seen["person"].drop_null().to_numpy()))
    return {
        "planted": shop.settings.people,
        "visible": visible,
        "accounts": ran.people.accounts,
        "found": ran.people.people,
    }


def _events(loads: Sequence[Loaded]) -> dict[str, int]:
    found: dict[str, int] = {}
    for each in loads:
        for name, n in each.events.items():
            found[name] = found.get(name, 0) + n
    return found | {
        "rows_read": sum(each.read for each in loads),
        "rows_quarantined": sum(each.quarantined for each in loads),
    }
