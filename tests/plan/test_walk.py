from pathlib import Path

import pytest
from plans import CUSTOMER_ID, PURCHASE, workspace
from test_rule_plan import TILL

from butfor.plan import load_plan
from butfor.plan.kinds import Column, Returns, Rule, Source
from butfor.plan.walk import column_of, delivered_events, leaves, named_events, nodes, parts, takes_returns

TREE = Rule(
    all=[Rule(trait="a", above=1), Rule(not_=Rule(any=[Rule(audience="b"), Rule(trait="c", exists=True)]))]
)


def source(**values: object) -> Source:
    fields = {"id": "s", "label": "s", "connector": "csv", "grain": "event", "columns": {}} | values
    return Source(**fields)  # type: ignore[arg-type]


def test_leaves_are_named_by_their_path() -> None:
    assert [path for path, _ in leaves(TREE)] == [
        "rule.all.0",
        "rule.all.1.not.any.0",
        "rule.all.1.not.any.1",
    ]
    assert list(leaves(None)) == []


def test_nodes_come_parents_first() -> None:
    assert [parts(node) for _, node in nodes(TREE)] == [
        ["all"],
        ["trait"],
        ["not"],
        ["any"],
        ["audience"],
        ["trait"],
    ]


def test_column_of_reads_short_and_long_forms() -> None:
    found = source(columns={"a": "time", "b": Column(to="id.email")})
    assert (column_of(found, "time"), column_of(found, "id.email"), column_of(found, "x")) == ("a", "b", None)


@pytest.mark.parametrize(
    ("values", "takes"),
    [
        ({"grain": "order_line"}, True),
        ({"grain": "order_line", "returns": Returns(when="never")}, False),
        ({"columns": {"sum": "event.total"}}, True),
        ({}, False),
    ],
)
def test_takes_returns_needs_lines_or_totals(values: dict[str, object], takes: bool) -> None:
    assert takes_returns(source(**values)) is takes


def test_delivered_events_are_those_of_sources_their_values_and_returns(tmp_path: Path) -> None:
    named = TILL.replace("event: order_completed\n", "").replace("{when: never}", "{event: sent_back}")
    column = "  what: {to: event, values: {S: order_completed, L: registered}}\n"
    plan = load_plan(workspace(tmp_path, CUSTOMER_ID, PURCHASE, named + column))
    assert delivered_events(plan) == {"order_completed", "registered", "sent_back"}
    assert named_events(plan.all(Source)[0]) == {"S": "order_completed", "L": "registered"}
