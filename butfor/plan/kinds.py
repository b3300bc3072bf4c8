"""The kinds of definition a workspace is made of, as frozen structs.

Every kind shares one envelope: ``kind, id, owner, status, labels, expect``. A struct says what a
document may hold; whether the documents make sense together is what the rules in
``butfor.plan.rules`` judge.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from butfor.plan.audience import Audience as Audience
from butfor.plan.audience import Borders as Borders
from butfor.plan.audience import Cell as Cell
from butfor.plan.audience import Rfm as Rfm
from butfor.plan.envelope import Definition as Definition
from butfor.plan.envelope import Expectation as Expectation
from butfor.plan.envelope import Part, Positive, Share, Use
from butfor.plan.envelope import Scalar as Scalar
from butfor.plan.envelope import Type as Type
from butfor.plan.rule import Rule as Rule

# --- source ------------------------------------------------------------------------------------


class Reading(Part, frozen=True, kw_only=True):
    """How to read the bytes of a delivery; what is left out is detected and stated."""

    encoding: str | None = None
    separator: str | None = None
    decimal: Literal[".", ","] = "."
    dates: list[str] = []
    sheet: str | None = None
    table: str | None = None
    header: bool = True
    names: list[str] = []


class Column(Part, frozen=True, kw_only=True):
    """Where a column goes: ``id.X``, ``person.X``, ``event.X``, ``product.X``, ``time``, ``event`` or ``ignore``.

    ``clean`` is how its text is judged first; what is odd about a value goes to the table ``quality``, the value as typed with it.
    """

    to: str
    clean: Literal["none", "whole_number", "email", "phone", "name", "city", "upper"] = "none"
    values: dict[str, str] = {}


class Returns(Part, frozen=True, kw_only=True):
    """Which rows of a purchase take something back, and the event they become."""

    event: str = "order_refunded"
    when: Literal["negative_quantity", "negative_amount", "negative_either", "never"] = "negative_either"


class Capability(Part, frozen=True, kw_only=True):
    """What the system behind a source can do for a customer (R-098)."""

    show: bool = False
    earn: bool = False
    redeem: bool = False


class Cost(Part, frozen=True, kw_only=True):
    """What a thing costs, in the workspace's currency."""

    per_send: float = 0.0
    per_month: float = 0.0
    one_off: float = 0.0
    hours: float = 0.0
    per_hour: float = 0.0


class Source(Definition, tag="source", frozen=True, kw_only=True):
    """A system that delivers rows, and what each of its columns means.

    ``account`` is the column whose value is this system's own key of a customer. ``key`` names the columns
    that tell rows apart; without it rows are told apart by their whole content, and equal rows of one
    delivery are separate rows. Rows of grain ``product`` say what holds of a product from their time on, or from the delivery on;
    of a ``complete`` source, a product that a delivery does not name is no longer sold. ``confirms`` are the identifiers whose values this system has verified itself; left out, a file
    of a system of record confirms all of its own, and a live source (``segment``) none, because anybody can type there.
    ``country`` (ISO 3166) is where national phone numbers and cities are; left out, the workspace's.
    """

    label: str
    connector: Literal["csv", "parquet", "jsonl", "excel", "sql", "segment"]
    grain: Literal["order_line", "event", "person", "product"]
    read: Reading = Reading()
    columns: dict[str, str | Column] = {}
    account: str | None = None
    key: list[str] = []
    event: str | None = None
    time_zone: str = "UTC"
    currency: str | None = None
    country: Annotated[str, Meta(pattern="^[A-Z]{2}$")] | None = None
    returns: Returns = Returns()
    freshness_hours: Positive | None = None
    can: Capability = Capability()
    cost: Cost = Cost()
    confirms: list[str] | None = None
    complete: bool = False
    means: str = ""


# --- term --------------------------------------------------------------------------------------


class Property(Part, frozen=True, kw_only=True):
    """One typed field of an event or of its order lines."""

    type: Type
    means: str = ""
    required: bool = False
    personal: bool = False


class Uses(Part, frozen=True, kw_only=True):
    """What a datum may be used for: choosing people, showing in content, understanding (R-193)."""

    target: Use
    content: Use
    insight: Use


class LogicCase(Part, frozen=True, kw_only=True):
    """One value of a lifecycle term and the rule that gives it; the first case that holds wins."""

    value: str
    when: Rule | None = None
    means: str = ""


class Identity(Part, frozen=True, kw_only=True):
    """How an identifier term may join accounts, or keep them apart; attributes such as a birth date may do the latter.

    A value carried by more than ``max_accounts`` is generic and joins nobody, nor does one that matches a pattern of
    ``blocked``. Of an ``exclusive`` identifier one person shows one value per account: an account that shows two is
    shared by several people and joins nobody. A person holds at most ``max_per_person`` different values (1: accounts that differ are never
    one person), within any ``window_days`` where that is set. ``alone`` says what an equal value needs to join two
    accounts: ``verified`` that both sides verified it, or that one did and the names agree; ``always`` nothing more.
    With ``follows`` (a device) an account known by nothing else belongs to whoever carries the value too, if that is one person.
    """

    links: bool = True
    exclusive: bool = False
    max_accounts: Annotated[int, Meta(ge=2)] = 20
    blocked: list[str] = []
    max_per_person: Annotated[int, Meta(ge=1)] | None = None
    window_days: Annotated[int, Meta(ge=1)] | None = None
    alone: Literal["verified", "always"] = "verified"
    follows: bool = False


class Machine(Part, frozen=True, kw_only=True):
    """Which events of a term no person made: scanners follow links and proxies fetch images as soon as a message arrives.

    An event within ``within_seconds`` of the event ``after`` of the same account (and of the same ``same``, where both say
    it) is a machine's, and so is one whose property ``agent`` matches the pattern ``agents``.
    """

    after: str
    within_seconds: Annotated[int, Meta(ge=0)] = 2
    same: str = "message_id"
    agent: str | None = None
    agents: str = ""


class Term(Definition, tag="term", frozen=True, kw_only=True):
    """A word of the plan: the marketer's name, the system's name, and what it really means (R-189).

    ``sources`` own an attribute, best first: their value survives in the golden record whatever others deliver (R-085);
    without owners the newest value does. An event that ``verifies`` an identifier proves that the account's value of it is
    right (a click, a code), unless a ``machine`` made it. An event with ``ledger`` carries ``points`` and ``reference``: they
    are booked as such an entry, or (``told``) compared with the entries. ``costs`` names the property that an event cost us.
    A trait with ``compute`` is taken from events, like a condition without its operator: ``{event: order_completed, take: sum, of: total}``.
    """

    what: Literal["event", "attribute", "trait", "identifier"]
    label: str
    system: str
    means: str
    type: Type | None = None
    aliases: list[str] = []
    provenance: Literal["declared", "observed", "derived", "inferred", "bought"] = "observed"
    uses: Uses | None = None
    purposes: list[str] = []
    personal: bool = False
    unit: str = ""
    role: Literal["registration", "loyalty_join", "purchase", "refund"] | None = None
    properties: dict[str, Property] = {}
    products: dict[str, Property] = {}
    logic: list[LogicCase] = []
    why: str = ""
    identity: Identity | None = None
    sources: list[str] = []
    verifies: str | None = None
    machine: Machine | None = None
    ledger: Literal["earn", "redeem", "expire", "correct", "opening", "told"] | None = None
    costs: str | None = None
    compute: Rule | None = None


# --- metric and goal -----------------------------------------------------------------------------


class Quantity(Part, frozen=True, kw_only=True):
    """A number per person: an attribute, or an aggregate of an event in the metric's window."""

    attribute: str | None = None
    event: str | None = None
    property: str | None = None
    take: Literal["sum", "count", "any"] = "sum"
    less: str | None = None


class Metric(Definition, tag="metric", frozen=True, kw_only=True):
    """A measure everyone has agreed how to calculate (R-045).

    ``numerator`` and ``denominator`` are per person; a ratio metric is sum over sum. With ``margin``, a rate
    between 0 and 1, money in the numerator becomes contribution margin.
    """

    label: str
    means: str
    take: Literal["mean", "proportion", "ratio"] = "mean"
    numerator: Quantity
    denominator: Quantity | None = None
    window_days: Annotated[int, Meta(ge=1)] | None = None
    covariate: Quantity | None = None
    covariate_days: Annotated[int, Meta(ge=1)] | None = None
    unit: Literal["money", "count", "share"] = "count"
    direction: Literal["up", "down"] = "up"
    claim: Literal["causal", "descriptive"] = "causal"
    margin: Share | None = None
    guardrail: bool = False


class Baseline(Part, frozen=True, kw_only=True):
    """Where the metric stands before the goal starts; hours goals need ``weeks`` of measuring (R-063)."""

    value: float
    weeks: float | None = None
    measured_on: date | None = None


class Goal(Definition, tag="goal", frozen=True, kw_only=True):
    """I want X, to do Y, which leads to Z, by when, by how much (R-061)."""

    want: str = ""
    to_do: str = ""
    leads_to: str = ""
    by_when: date | None = None
    how_much: str = ""
    method: Literal["incremental", "attributed", "none"] = "none"
    actions: Annotated[int, Meta(ge=1)] | None = None
    starts: date | None = None
    baseline: Baseline | None = None
    accountable: str = ""
    doers: list[str] = []
    approver: str = ""
    sign_offs: dict[str, date | None] = {}
    guardrails: list[str] = []


# --- offer, campaign, experiment -------------------------------------------------------------------


class Window(Part, frozen=True, kw_only=True):
    """From and until, both included; days in the workspace's zone."""

    starts: date | None = None
    ends: date | None = None


class Offer(Definition, tag="offer", frozen=True, kw_only=True):
    """What is promised, where it holds, and what it costs."""

    label: str
    mechanics: Literal["percent_off", "amount_off", "bogo", "points", "gift", "free_shipping", "none"]
    amount: float | None = None
    products: list[str] = []
    channels: list[str] = []
    valid: Window = Window()
    stacks: bool = False
    margin: Share | None = None
    honour: Literal["honour", "resend", "withdraw"] = "honour"


class Variant(Part, frozen=True, kw_only=True):
    """One version of the message: its content, its depth of personalization (0 generic to 4 one-to-one), its cost."""

    subject: str = ""
    body: str = ""
    depth: Annotated[int, Meta(ge=0, le=4)] = 0
    cost: Cost = Cost()


class Campaign(Definition, tag="campaign", frozen=True, kw_only=True):
    """A message with a reason: goal, goal event, audience, variants, cost and test."""

    label: str
    goal: str
    goal_event: str
    audience: str
    channel: str = "dry_run"
    address: str = "email"
    variants: dict[str, Variant]
    offers: list[str] = []
    experiment: str | None = None
    cost: Cost = Cost()


class Hypothesis(Part, frozen=True, kw_only=True):
    """H1 in five slots (R-011); H0 is generated from it. ``minimum_effect`` is absolute, in the metric's unit."""

    audience: str
    change: str
    metric: str
    direction: Literal["up", "down"]
    minimum_effect: float


class Threshold(Part, frozen=True, kw_only=True):
    """The significance level and what each outcome triggers, fixed before the start (R-013)."""

    alpha: Annotated[float, Meta(gt=0, lt=1)] = 0.05
    if_rejected: Literal["invest", "ship", "test_more", "stop"] = "invest"
    if_not: Literal["invest", "ship", "test_more", "stop"] = "test_more"


class Arm(Part, frozen=True, kw_only=True):
    """One arm: its planned share and the variant it gets; no variant means held out."""

    share: Share
    variant: str | None = None
    control: bool = False
    label: str = ""


class PolicyCase(Part, frozen=True, kw_only=True):
    """People for whom ``when`` holds get ``arm``."""

    when: Rule | None = None
    arm: str


class Policy(Part, frozen=True, kw_only=True):
    """Who would get which arm; compared with one arm for all, from the same randomised data."""

    label: str
    cases: list[PolicyCase]
    against: str
    metric: str


class Experiment(Definition, tag="experiment", frozen=True, kw_only=True):
    """A test with a hypothesis, a null hypothesis and a threshold, or a holdout."""

    label: str
    hypothesis: Hypothesis | None = None
    metrics: list[str]
    guardrails: list[str] = []
    threshold: Threshold = Threshold()
    power: Share = 0.8
    arms: dict[str, Arm]
    window_days: Annotated[int, Meta(ge=1)] = 28
    scope: Literal["campaign", "programme"] = "campaign"
    salt: str = ""
    multiplicity: Literal["holm", "bonferroni", "none"] = "holm"
    assignment: Literal["drawn", "imported"] = "drawn"
    arm_attribute: str | None = None
    policies: dict[str, Policy] = {}


# --- workspace -----------------------------------------------------------------------------------


class IdentityDecision(Part, frozen=True, kw_only=True):
    """Which identifier tells people apart, and which others may join accounts, best first (R-183).

    ``names`` are the attributes that make up a person's name, for identifiers that join only where names agree. A run
    that would merge more than ``max_merge_share`` of all people stops before it writes.
    """

    primary: str
    ranked: list[str] = []
    names: list[str] = msgspec.field(default_factory=lambda: ["first_name", "last_name"])
    max_merge_share: Share = 0.05
    decided_by: str = ""
    why: str = ""


class Readiness(Part, frozen=True, kw_only=True):
    """What data must hold before value is predicted from them (R-103); days count from the as-of day.

    ``buyers`` people, ``regulars`` of them with purchases on three days or more, ``history_days`` since the first
    purchase and at most ``quiet_days`` since the last; the share of purchases known by customer (``covered``), and
    at most how many accounts per buyer may wait to be judged one person or two (``undecided``).
    """

    buyers: Annotated[int, Meta(ge=1)] = 500
    regulars: Annotated[int, Meta(ge=1)] = 20
    history_days: Annotated[int, Meta(ge=1)] = 180
    quiet_days: Annotated[int, Meta(ge=0)] = 30
    covered: Share = 0.5
    undecided: Annotated[float, Meta(ge=0)] = 0.2


class Recommending(Part, frozen=True, kw_only=True):
    """What is never suggested to anybody: patterns of whole product ids or categories, such as postage."""

    never: list[str] = []


class Workspace(Part, frozen=True, kw_only=True):
    """The file ``butfor.yaml`` of a workspace.

    Receipts of people who were erased are kept apart for ``keep_receipts_years``, as tax law wants. For ``cool_off_days`` after two customers turned out to be one, an offer that neither got before is held (R-092). ``replenish`` are patterns of product categories that are bought
    again and again: who bought one may be shown it in ads when its refill is due (R-101).
    """

    version: int
    name: str
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")]
    time_zone: str = "UTC"
    hub: str = "sqlite"
    lake: str = "duckdb"
    country: Annotated[str, Meta(pattern="^[A-Z]{2}$")] | None = None
    clock: Literal["now", "data"] = "now"
    margin: Share | None = None
    cool_off_days: Annotated[int, Meta(ge=0)] = 7
    keep_receipts_years: Positive = 10
    readiness: Readiness = Readiness()
    identity: IdentityDecision | None = None
    recommend: Recommending = Recommending()
    replenish: list[str] = []
    people: dict[str, list[str]] = {}
    questions: list[str] = []


AnyDefinition = Source | Term | Metric | Goal | Audience | Offer | Campaign | Experiment

KINDS: dict[str, type[Definition]] = {
    "source": Source,
    "term": Term,
    "metric": Metric,
    "goal": Goal,
    "audience": Audience,
    "offer": Offer,
    "campaign": Campaign,
    "experiment": Experiment,
}

FOLDERS = {
    "source": "plan/sources",
    "term": "plan/terms",
    "metric": "plan/metrics",
    "goal": "goals",
    "audience": "audiences",
    "offer": "offers",
    "campaign": "campaigns",
    "experiment": "experiments",
}


def to_builtins(definition: Definition | Workspace) -> dict[str, Any]:
    """Return a definition as plain dicts and lists, defaults left out, ready to be written as YAML."""
    built: dict[str, Any] = msgspec.to_builtins(definition, builtin_types=(date,))
    return built
