"""Write workspaces out of YAML texts, and read what the rules of the plan find in them."""

from pathlib import Path

from ruamel.yaml import YAML

from butfor.plan import Problem, check, load_plan
from butfor.plan.kinds import FOLDERS

WORKSPACE = """\
version: 1
name: shop
currency: EUR
time_zone: Europe/Berlin
identity: {primary: customer_id, why: one number per customer}
"""
CUSTOMER_ID = """\
kind: term
id: customer_id
what: identifier
type: text
label: Customer number
system: userId
means: The number a system gave to an account.
uses: {target: deny, content: deny, insight: deny}
"""
PURCHASE = """\
kind: term
id: order_completed
what: event
role: purchase
label: Purchase
system: Order Completed
means: A receipt that was paid.
uses: {target: allow, content: allow, insight: allow}
properties:
  order_id: {type: text}
  total: {type: money}
products:
  quantity: {type: number}
  price: {type: money}
"""
MARGIN = """\
kind: metric
id: margin
label: Margin per person
means: Money that stays, per person.
unit: money
numerator: {event: order_completed, property: total}
"""
GOAL = """\
kind: goal
id: more_margin
status: agreed
want: a win-back mail
to_do: show what is new
leads_to: margin
by_when: 2026-12-31
how_much: +5 %
accountable: CRM
approver: head of CRM
expect: {low: 1, likely: 2, high: 3}
"""


def trait(name: str, kind: str = "integer", more: str = "") -> str:
    """Return a sound trait term."""
    return (
        f"kind: term\nid: {name}\nwhat: trait\ntype: {kind}\nlabel: The {name}\nsystem: {name.upper()}\n"
        f"means: What {name} says.\nuses: {{target: allow, content: subtle, insight: allow}}\n{more}"
    )


def audience(name: str, rule: str, why: str = "it is of use") -> str:
    """Return an audience whose rule stands in line 5."""
    return f"kind: audience\nid: {name}\nlabel: {name}\nwhy: {why}\nrule: {rule}\n"


def workspace(folder: Path, *documents: str, text: str = WORKSPACE) -> Path:
    """Write a workspace with these definitions, each in the folder of its kind."""
    (folder / "butfor.yaml").write_text(text, encoding="utf-8")
    for document in documents:
        data = YAML(typ="safe").load(document)
        path = folder / FOLDERS[data["kind"]] / f"{data['id']}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(document, encoding="utf-8")
    return folder


def found(folder: Path, code: str) -> list[Problem]:
    """Return what one rule finds in a workspace."""
    return [p for p in check(load_plan(folder)) if p.code == code]


def one(folder: Path, code: str) -> Problem:
    """Return the only finding of a rule."""
    problems = found(folder, code)
    assert len(problems) == 1, problems
    return problems[0]


def assert_says(problem: Problem, place: str, what: str, next_step: str) -> None:
    """Check where a finding points (``file:line``), what it names, and its next step."""
    assert f"{problem.file}:{problem.line}" == place
    assert what in problem.what
    assert next_step in problem.next
    assert problem.why
