"""A workspace: one folder, its plan, its hub and its lake, and the verbs that work on them."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

import butfor.audiences as audiences
import butfor.ingest as ingest
import butfor.profiles as profiles
from butfor.app.borders import missing_borders
from butfor.app.compute import compiled_logic, event_tables, grid_cells, grid_scores, tables_of
from butfor.app.members import clock_of, compute_everybody, contacted, current_sizes
from butfor.app.money import ArmReturn, arm_returns
from butfor.app.settle import settle
from butfor.campaigns import CampaignRun, launch, read_experiment
from butfor.campaigns.cooling import hold_pending
from butfor.experiments.outcomes import contaminated
from butfor.experiments.readout import Readout
from butfor.facts import Clock, all_grid_facts, fact_queries, grid_columns
from butfor.identity import PeopleFound, coverage, joined_accounts, rules_of
from butfor.identity.recount import recount
from butfor.identity.sync import keep_up
from butfor.ingest.write import quarantined, table_total
from butfor.model import BadDefinition, BadInput, ButforError
from butfor.plan import Plan, Problem, check, did_you_mean, load_plan, save_definition, search_terms
from butfor.plan.kinds import Audience, Campaign, Definition, Experiment, Source, Term
from butfor.plan.rules.references import audience_names
from butfor.store import Hub, Lake, Query, open_lake

Progress = Callable[[str], None]
DATA = ".butfor"


class Ran(msgspec.Struct, frozen=True, kw_only=True):
    """What a run rebuilt, as of a time: people, traits, audiences; and the borders it stored."""

    as_of: datetime
    people: PeopleFound
    audiences: list[audiences.AudienceSize]
    borders_set: list[str] = []


class Workspace:
    """An open workspace. Close it, or use it in a ``with`` block."""

    def __init__(self, folder: Path, plan: Plan, hub: Hub, lake: Lake, now: datetime | None = None) -> None:
        self.folder, self.plan, self.hub, self.lake = folder, plan, hub, lake
        self._now = now
        # Queries that the live path runs many times a minute, and the plan that they were built for.
        self.kept: dict[str, Any] = {}

    def __enter__(self) -> Workspace:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Release hub and lake."""
        self.lake.close()
        self.hub.close()

    @property
    def now(self) -> datetime:
        """The present in UTC without a zone; fixed when the workspace was opened with a clock."""
        return self._now or datetime.now(UTC).replace(tzinfo=None)

    def check(self) -> list[Problem]:
        """Return what is wrong with the definitions; an empty list is a sound plan."""
        return check(self.plan)

    def load(self, source: str, path: str, progress: Progress | None = None) -> ingest.Loaded:
        """Load a delivery of a source; loading it again changes nothing."""
        definition = self.plan.get(Source, source)
        self._refuse_broken(definition)
        started = self.now
        number = self.hub.start(
            "load",
            {"source": source, "file": str(Path(path).name), "started_at": started, "status": "started"},
        )
        try:
            done = ingest.load(
                self.lake, self.plan, definition, path, load_id=number, now=started, progress=progress
            )
        except Exception as error:
            said = (
                error.to_dict()
                if isinstance(error, ButforError)
                else {"error": type(error).__name__, "thing": str(error)}
            )
            body = msgspec.json.encode(said).decode()
            self.hub.update("load", {"status": "failed", "finished_at": self.now, "body": body}, id=number)
            raise
        flagged = settle(self.hub, self.lake, self.plan, definition, self._open_loads(source), started)
        done = msgspec.structs.replace(done, flagged=done.flagged | flagged)
        body = msgspec.json.encode(done).decode()
        self.hub.update("load", {"status": "done", "finished_at": self.now, "body": body}, id=number)
        return done

    def _open_loads(self, source: str) -> list[int]:
        """Return the loads of a source that are not settled: this one, and any that was killed before."""
        return [r["id"] for r in self.hub.rows("load", source=source) if r["status"] != "done"]

    def _refuse_broken(self, source: Source) -> None:
        """Raise BadDefinition when the plan has an error that would make the load of a source mean nothing."""
        place = self.plan.place(source).file
        broken = [
            p
            for p in check(self.plan)
            if p.level == "error" and p.file == place and p.code in ("REF", "SOURCE")
        ]
        if broken:
            raise BadDefinition(
                f"{broken[0].file} line {broken[0].line}",
                value=broken[0].what,
                rule=broken[0].why,
                next_step=broken[0].next,
            )

    def ensure_tables(self) -> None:
        """Make every table of the lake that loading may write to."""
        asked = [profiles.prediction_table()] if profiles.wanted_predictions(self.plan) else []
        self.lake.ensure(*ingest.all_tables(self.plan), *asked)

    def as_of(self) -> datetime:
        """Return the time that results refer to: now, or the newest event when the workspace's clock is ``data``."""
        if self.plan.workspace.clock == "now":
            return self.now
        have = self.lake.tables()
        tables = [t for t in event_tables(self.plan) if t in have]
        newest = self.lake.fetch(profiles.newest_event(tables))["newest"][0].as_py() if tables else None
        return newest or self.now

    def run(
        self, as_of: datetime | None = None, progress: Progress | None = None, *, accept_merges: bool = False
    ) -> Ran:
        """Rebuild people, traits and audiences; store the borders of RFM grids that have none yet.

        Raises Refused when an unusual share of the people would be merged, unless ``accept_merges``.
        """
        tell = progress or (lambda step: None)
        self.ensure_tables()
        moment = as_of or self.as_of()
        with self.lake.transaction():
            tell("people")
            people = recount(self.hub, self.lake, self.plan, self.now, accept=accept_merges)
            keep_up(self.hub, self.lake, rules_of(self.plan), self.now)
            if people.merged:
                hold_pending(self.hub, self.plan, self.now)
            tell("traits")
            self.traits(moment)
            borders = self._store_borders(moment.date())
            if borders:
                self.traits(moment)
            tell("audiences")
            compute_everybody(self.plan, self.hub, self.lake, moment)
        return Ran(as_of=moment, people=people, audiences=self.audiences(), borders_set=borders)

    def audiences(self) -> list[audiences.AudienceSize]:
        """Return the size of each audience as of the last run; an empty audience is listed with 0."""
        self.need_run()
        return current_sizes(self.plan, self.lake, self.now)

    def members(self, audience: str, moment: datetime | None = None) -> pa.Table:
        """Return the people of an audience, or those who were in it at a past moment: one column ``person_id``, sorted."""
        self.need_run()
        known = [*audience_names(self.plan), *audiences.audience_names(self.plan)]
        if audience not in known:
            raise BadInput(
                "audience",
                value=audience,
                rule="an audience is defined in audiences/",
                next_step=did_you_mean(audience, known),
            )
        if moment is not None:
            return self.lake.fetch(audiences.members_at(audience, moment))
        return self.lake.fetch(audiences.members(audience))

    def launch(
        self,
        campaign: str,
        as_of: datetime | None = None,
        *,
        dry: bool = False,
        send_at: datetime | None = None,
    ) -> CampaignRun:
        """Decide and deliver a campaign; repeating it sends nothing twice. With ``send_at`` it is delivered later."""
        self.need_run()
        definition, moment = self.plan.get(Campaign, campaign), as_of or self.as_of()
        done = launch(
            self.plan,
            self.hub,
            self.lake,
            self.folder / DATA,
            definition,
            as_of=moment,
            dry=dry,
            send_at=send_at,
        )
        if not dry:
            contacted(
                self.plan, self.lake, campaign, {r["person_id"] for r in self.contacts(campaign)}, moment
            )
        return done

    def contacts(self, campaign: str) -> list[dict[str, Any]]:
        """Return every decision of a campaign: sent, held and suppressed, with reasons."""
        return self.hub.rows("contact", campaign=campaign)

    def readout(self, experiment: str, as_of: datetime | None = None) -> Readout:
        """Read an experiment and keep the readout under its content address."""
        self.need_run()
        definition = self.plan.get(Experiment, experiment)
        found = read_experiment(self.plan, self.hub, self.lake, definition, as_of=as_of or self.as_of())
        body = msgspec.json.encode(found.to_dict()).decode()
        row = {
            "address": found.content_address,
            "experiment": experiment,
            "as_of": as_of or self.as_of(),
            "body": body,
        }
        self.hub.append("readout", [row], once=True)
        return found

    def returns(self, readout: Readout) -> list[ArmReturn]:
        """Return the ROI of each treated arm of a readout, from the costs of its campaign."""
        return arm_returns(self.plan, self.hub, readout)

    def contaminated(self, experiment: str) -> int:
        """Return how many people were assigned to two arms before their accounts were joined; no result counts them."""
        return int(self.lake.fetch(contaminated(experiment))["people"][0].as_py())

    def source_totals(self) -> dict[str, list[dict[str, Any]]]:
        """Return events and money per source for every event term that has a total."""
        with_total = [t for t in self.plan.all(Term) if t.what == "event" and "total" in t.properties]
        self.lake.ensure(*ingest.all_tables(self.plan))
        return {t.id: list(self.lake.fetch(table_total(f"ev_{t.id}")).to_pylist()) for t in with_total}

    def identifier_coverage(self) -> list[dict[str, Any]]:
        """Return per source and identifier the share of accounts that carry it and how unique it is (R-183)."""
        self.lake.ensure(*ingest.all_tables(self.plan))
        rows = self.lake.fetch(coverage()).to_pylist()
        return [r | {"share": r["having_it"] / r["accounts"]} for r in rows]

    def suggest_inactive(self) -> profiles.GapCurve | None:
        """Return the curve of days between purchases and the "inactive" threshold it suggests (R-191)."""
        self.need_run()
        tables = tables_of(self.plan, "purchase")
        if not tables:
            return None
        rows = self.lake.fetch(profiles.gap_counts(tables[0], self.as_of())).to_pylist()
        people = max((r["people"] for r in rows), default=0)
        return profiles.suggest_threshold([(r["days"], r["n"]) for r in rows], people)

    def rfm_cells(self, grid: str = "rfm") -> list[dict[str, Any]]:
        """Return people and spend per pair of scores of a grid, with the cell's name."""
        self.need_run()
        columns = grid_columns(self.plan.get(Audience, grid))
        return list(self.lake.fetch(profiles.grid(grid, columns.spend)).to_pylist())

    def lifecycle(self, term: str = "lifecycle") -> list[dict[str, Any]]:
        """Return people and spend per value of a lifecycle term, in the order of its logic."""
        self.need_run()
        order = [case.value for case in self.plan.get(Term, term).logic]
        rows = {r["stage"]: r for r in self.lake.fetch(profiles.stages(term)).to_pylist()}
        none = {"people": 0, "spend": 0.0}
        return [
            {"stage": s, "order": i, **{k: rows.get(s, none)[k] for k in none}} for i, s in enumerate(order)
        ]

    def quarantine(self, limit: int = 100) -> list[dict[str, Any]]:
        """Return rows and values that could not be used, newest load first."""
        self.lake.ensure(*ingest.all_tables(self.plan))
        return list(self.lake.fetch(quarantined(limit)).to_pylist())

    def search(self, words: str) -> list[Term]:
        """Find terms by any of their names (R-189)."""
        return search_terms(self.plan, words)

    def save(self, definition: Definition, why: str, who: str | None = None) -> Path:
        """Write a definition and a row in the change ledger; ``why`` may not be empty (R-191)."""
        if not why.strip():
            raise BadInput(
                "change",
                value="no reason",
                rule="every change says why",
                next_step="give why in one sentence",
            )
        path = save_definition(self.folder, definition)
        kind = str(type(definition).__struct_config__.tag)
        old = self.plan.definitions.get((kind, definition.id))
        diff = {"before": old and msgspec.to_builtins(old), "after": msgspec.to_builtins(definition)}
        self.hub.append(
            "change",
            [
                {
                    "made_at": self.now, "who": who or getpass.getuser(), "kind": kind, "ref": definition.id,
                    "reason": why, "diff": msgspec.json.encode(diff).decode(),
                }
            ],
        )  # fmt: skip
        self.plan = load_plan(self.folder)
        return path

    def changes(self) -> list[dict[str, Any]]:
        """Return the change ledger, oldest first."""
        return self.hub.rows("change")

    def traits(self, as_of: datetime) -> int:
        """Rebuild the traits of everybody as of a time; return how many people there are."""
        joined = bool(self.lake.fetch(joined_accounts())["n"][0].as_py())
        return self.lake.rebuild(profiles.trait_table(self.plan), self.trait_query(as_of, joined=joined))

    def trait_query(self, as_of: datetime, *, joined: bool, clock: Clock | None = None) -> Query:
        """Return the query of everybody's traits as of a time; ``joined`` where some people have several accounts."""
        plan = self.plan
        clock = clock or clock_of(plan, as_of)
        logic, rechecks = compiled_logic(plan, clock)
        names = {t.id: t.sources for t in plan.all(Term) if t.what == "attribute"}
        return profiles.traits(
            as_of,
            tables_of(plan, "purchase"),
            tables_of(plan, "refund"),
            profiles.wanted_traits(plan),
            names,
            grid_scores(plan),
            logic | grid_cells(plan),
            joined=joined,
            parts=[
                *fact_queries(
                    plan, profiles.computed_traits(plan) | all_grid_facts(plan), clock, joined=joined
                ),
                *profiles.predictions(plan),
            ],
            rechecks=rechecks,
        )

    def _store_borders(self, on: date) -> list[str]:
        found = missing_borders(self.plan, self.lake, on)
        for audience in found:
            self.save(audience, "borders found from the data and stored", "butfor run")
        return [audience.id for audience in found]

    def recompute(self) -> datetime:
        """Recompute traits and audiences of everybody as of the time they stand for; return it."""
        self.need_run()
        moment = self.computed_as_of()
        with self.lake.transaction():
            self.traits(moment)
            compute_everybody(self.plan, self.hub, self.lake, moment)
        return moment

    def computed_as_of(self) -> datetime:
        """Return the time that the audiences stand for: of the last run, or of the last people recomputed since."""
        newest = self.lake.fetch(audiences.newest())["newest"][0].as_py()
        return newest or self.as_of()

    def need_run(self) -> None:
        """Raise BadInput where nothing was computed yet."""
        if "traits" not in self.lake.tables():
            raise BadInput(
                f"workspace {self.folder.name}", value="nothing computed yet", rule="people and traits come from butfor run",
                next_step=f"butfor -C {self.folder} run",
            )  # fmt: skip


def open_workspace(folder: str | Path, *, now: datetime | None = None) -> Workspace:
    """Open a workspace folder; ``now`` fixes its clock (UTC, without a zone).

    Raises BadDefinition when it is no workspace or of a newer version, StoreError when a store cannot be opened.
    """
    path = Path(folder)
    plan = load_plan(path)
    hub = Hub(plan.workspace.hub, path / DATA)
    try:
        lake = open_lake(plan.workspace.lake, path / DATA)
    except BaseException:
        hub.close()
        raise
    return Workspace(path, plan, hub, lake, now)
