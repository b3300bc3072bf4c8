"""The pages of demo and cases: the verdict first, then pictures, then the tables behind them."""

from __future__ import annotations

from butfor.app import ArmReturn
from butfor.case import CaseResult
from butfor.charts.report import Report, Section, Tile, page
from butfor.charts.sections import forest_section, gap_section, grid_section, lifecycle_section, money_section
from butfor.charts.theme import money, percent
from butfor.charts.value import value_finding, value_section
from butfor.demo import DemoResult, DemoStory
from butfor.experiments.readout import Readout
from butfor.plan.kinds import Metric


def demo_page(story: DemoStory) -> str:
    """Return the demo's page: planted beside measured."""
    r = story.result
    as_of = story.ran.as_of.date()
    metric = story.metrics["margin_per_person"]
    planted = {a.arm: a.planted_per_person for a in r.arms}
    sections = [
        forest_section(story.readout, metric, r.currency, planted),
        *_money(story.readout, story.returns, metric, None, r.currency),
        grid_section(story.grid, r.currency, as_of),
        lifecycle_section(story.lifecycle, r.currency, as_of),
        *([gap_section(story.inactive, as_of)] if story.inactive else []),
        _sources(story),
    ]
    return page(
        Report(
            title="butfor demo: a shop whose truth is known",
            lead=demo_sentence(r),
            tiles=_tiles(r),
            sections=sections,
            notes=_honest(r),
        )
    )


def demo_sentence(r: DemoResult) -> str:
    """Return the demo's finding in one sentence."""
    inside = (
        "The interval covers the truth" if r.covered else "The interval misses the truth, as 1 in 20 does"
    )
    return (
        f"The personal mail earned {money(r.measured_margin, r.currency)} margin that would not have been there but for it "
        f"({money(r.interval.low, r.currency)} to {money(r.interval.high, r.currency)}); "
        f"{money(r.planted_margin, r.currency)} was planted. {inside}."
    )


def _tiles(r: DemoResult) -> list[Tile]:
    ends = r.roi_interval
    roi = f"{percent(ends.low)} to {percent(ends.high)}" if ends else "no interval"
    return [
        Tile(
            "caused margin",
            money(r.measured_margin, r.currency),
            f"{money(r.planted_margin, r.currency)} planted",
        ),
        Tile("cost", money(r.cost, r.currency), "sending and making it"),
        Tile("ROI", percent(r.roi) if r.roi is not None else "none", roi),
        Tile("people found", f"{r.people['found']:,}", f"{r.people['planted']:,} planted"),
    ]


def _honest(r: DemoResult) -> list[str]:
    extra = r.people["found"] - r.people["planted"]
    return [
        f"{extra:,} more people were found than there are: typing errors and second addresses keep accounts apart that exact "
        "identifiers cannot join. They are left apart rather than joined on a guess.",
        "Everything here was computed by the product from six files; the truth was opened only to be put beside it.",
    ]


def _sources(story: DemoStory) -> Section:
    rows = [
        {
            "source": each.source, "file": each.file, "read": each.read, "accepted": each.accepted,
            "repeated": each.repeated, "quarantined": each.quarantined,
        }
        for each in story.loads
    ]  # fmt: skip
    total = sum(each.read for each in story.loads)
    return Section(
        heading="Where it came from",
        sentences=[f"{total:,} rows of six sources were read; each is accepted, repeated or quarantined."],
        table=rows,
    )


def _money(
    readout: Readout, returns: list[ArmReturn], metric: Metric, workspace_margin: float | None, currency: str
) -> list[Section]:
    found = []
    for back in returns:
        if back.roi is None:
            continue
        effect = readout.effect(metric.id, back.arm)
        # The metric is margin already, or becomes it by the workspace's rate.
        treated = effect.mean_treatment * effect.n_treatment * (workspace_margin or 1.0)
        rate = metric.margin if metric.margin is not None else workspace_margin
        found.append(money_section(back.roi, back.label, treated, rate, currency))
    return found


def case_page(result: CaseResult) -> str:
    """Return the page of a case."""
    as_of = result.ran.as_of.date()
    sections = [grid_section(result.grid, result.currency, as_of)] if result.grid else []
    sections += [lifecycle_section(result.lifecycle, result.currency, as_of)] if result.lifecycle else []
    sections += [gap_section(result.inactive, as_of)] if result.inactive else []
    for readout, returns in zip(result.readouts, result.returns, strict=True):
        for name in dict.fromkeys(e.metric for e in readout.effects):
            metric = result.metrics[name]
            sections.append(forest_section(readout, metric, result.currency))
            if metric.unit == "money":
                sections += _money(
                    readout,
                    returns,
                    metric,
                    result.margin if metric.margin is None else None,
                    result.currency,
                )
    if result.value:
        v = result.value
        said = (v.holdout.models if v.holdout else v.models).buying.sentences
        sections.append(value_section(v.holdout, said, v.limits, v.money, result.currency, v.days))
    return page(
        Report(
            title=result.title,
            lead=case_sentence(result),
            tiles=_case_tiles(result),
            sections=sections,
            notes=_case_notes(result),
        )
    )


def case_sentence(result: CaseResult) -> str:
    """Return a case's finding in one sentence."""
    if result.readouts:
        policies = [s for r in result.readouts for s in r.sentences[-len(r.policies) :] if r.policies]
        verdicts = [f"{b.label}: {b.roi.headline}" for each in result.returns for b in each if b.roi]
        return ". ".join([*verdicts, *policies]).rstrip(".") + "."
    if result.value and result.value.holdout and not result.grid:
        return value_finding(result.value.holdout) + "."
    value = sum(each.value for each in result.loads)
    return f"{result.ran.people.people:,} customers and {money(float(value), result.currency)} of sales minus returns, from one file."


def _case_tiles(result: CaseResult) -> list[Tile]:
    read = sum(each.read for each in result.loads)
    tiles = [Tile("rows read", f"{read:,}", f"{sum(e.quarantined for e in result.loads):,} quarantined")]
    tiles += [Tile("people", f"{result.ran.people.people:,}", f"as of {result.ran.as_of:%Y-%m-%d}")]
    tiles += [
        Tile(f"ROI {b.label}", percent(b.roi.roi), b.roi.outcome)
        for each in result.returns
        for b in each
        if b.roi
    ]
    return tiles


def _case_notes(result: CaseResult) -> list[str]:
    return [
        line.strip() for line in result.page.split("\n\n")[1:] if line.strip() and not line.startswith("#")
    ]
