"""Rules about the plan as a whole: identity, minimum, lifecycle, sources, zones, stores."""

from pathlib import Path

import pytest
from plans import CUSTOMER_ID, PURCHASE, WORKSPACE, assert_says, audience, found, one, trait, workspace

TILL = """\
kind: source
id: till
label: Till
connector: csv
grain: order_line
event: order_completed
account: card
returns: {when: never}
columns:
  card: id.customer_id
  receipt: event.order_id
  bought: time
  pieces: product.quantity
  price: product.price
"""
ROLES = [
    PURCHASE.replace("order_completed", name).replace("Order Completed", name).replace("purchase", role)
    for name, role in (("registered", "registration"), ("loyalty_joined", "loyalty_join"))
]
LOGIC = """\
why: it is of use
logic:
  - {value: lost, when: {trait: orders, at_most: 1}}
  - {value: kept}
"""


@pytest.mark.requirement("R-183")
@pytest.mark.parametrize(
    ("text", "level", "place", "what", "next_step"),
    [
        (WORKSPACE.split("identity")[0], "error", 1, "no identity decision", "add identity:"),
        (WORKSPACE.replace(", why: one number per customer", ""), "warning", 5, "has no why", "identity.why"),
    ],
)
def test_identity_must_be_decided_with_a_reason(
    tmp_path: Path, text: str, level: str, place: int, what: str, next_step: str
) -> None:
    problem = one(workspace(tmp_path, CUSTOMER_ID, text=text), "IDENTITY")
    assert problem.level == level
    assert_says(problem, f"butfor.yaml:{place}", what, next_step)


@pytest.mark.requirement("R-183")
def test_source_without_an_agreed_identifier_is_warned_of(tmp_path: Path) -> None:
    source = TILL.replace("card: id.customer_id", "card: ignore")
    problem = one(workspace(tmp_path, CUSTOMER_ID, PURCHASE, source), "IDENTITY")
    assert_says(
        problem, "plan/sources/till.yaml:9", "till delivers none of", "map one of its columns to id.X"
    )
    assert found(workspace(tmp_path, TILL), "IDENTITY") == []


@pytest.mark.requirement("R-200")
def test_minimum_plan_with_a_missing_role_is_red(tmp_path: Path) -> None:
    problem = one(workspace(tmp_path, PURCHASE, ROLES[0]), "MINIMUM")
    assert problem.level == "error"
    assert_says(problem, "butfor.yaml:1", "no event term has the role loyalty_join", "loyalty_joined.yaml")
    assert found(workspace(tmp_path, ROLES[1]), "MINIMUM") == []


@pytest.mark.requirement("R-200")
def test_minimum_plan_that_no_source_delivers_is_warned_of(tmp_path: Path) -> None:
    problems = found(workspace(tmp_path, CUSTOMER_ID, PURCHASE, *ROLES, TILL), "MINIMUM")
    assert [(p.level, p.line) for p in problems] == [("warning", 4), ("warning", 4)]
    assert_says(problems[0], "plan/terms/loyalty_joined.yaml:4", "no source delivers", "connect the system")


@pytest.mark.requirement("R-190", "R-191")
@pytest.mark.parametrize(
    ("logic", "place", "what", "next_step"),
    [
        ("", 1, "inactive has no logic", "{value, when, means}"),
        (LOGIC.replace("it is of use", "''"), 10, "logic of inactive has no why", "write why:"),
        (LOGIC.replace("  - {value: kept}\n", ""), 11, "some people get no value", "has no when"),
        (LOGIC.replace(", when: {trait: orders, at_most: 1}", ""), 11, "'lost' always holds", "move it last"),
    ],
)
def test_lifecycle_word_without_sound_logic_is_found(
    tmp_path: Path, logic: str, place: int, what: str, next_step: str
) -> None:
    folder = workspace(tmp_path, trait("orders"), trait("inactive", "text", logic))
    assert_says(one(folder, "LOGIC"), f"plan/terms/inactive.yaml:{place}", what, next_step)


@pytest.mark.requirement("R-190")
def test_lifecycle_word_with_logic_and_reason_passes(tmp_path: Path) -> None:
    assert found(workspace(tmp_path, trait("orders"), trait("inactive", "text", LOGIC)), "LOGIC") == []


@pytest.mark.parametrize("rule", ["{trait: stage, equals: x}", "{audience: staged}"])
def test_logic_that_reads_other_logic_is_found(tmp_path: Path, rule: str) -> None:
    folder = workspace(
        tmp_path,
        trait("orders"),
        trait("stage", "text", LOGIC),
        trait("mood", "text", LOGIC.replace("{trait: orders, at_most: 1}", rule)),
        audience("staged", "{not: {any: [{audience: staged}, {trait: stage, equals: x}]}}"),
    )
    assert_says(one(folder, "LOGIC"), "plan/terms/mood.yaml:11", "mood reads stage", "conditions of stage")


def test_logic_of_an_event_is_found(tmp_path: Path) -> None:
    folder = workspace(tmp_path, trait("orders"), PURCHASE + LOGIC)
    assert_says(
        one(folder, "LOGIC"), "plan/terms/order_completed.yaml:16", "only a trait has logic", "what: trait"
    )


@pytest.mark.parametrize(
    ("line", "instead", "place", "what", "next_step"),
    [
        ("  bought: time\n", "", 9, "maps no column to time", "grain order_line need it"),
        ("  receipt: event.order_id\n", "", 9, "no column to event.order_id", "need it"),
        ("bought: time", "bought: time\n  paid: time", 9, "2 columns of till map to time", "ignore the others"),
        ("event: order_completed\n", "", 1, "till names no event", "set event:"),
        ("account: card", "account: crad", 7, "'crad' is not among the columns", "row_number"),
        ("account: card", "time_zone: Europe/Berlinn\naccount: card", 7, "'Europe/Berlinn' is unknown", "Europe/Berlin"),
        ("{when: never}", "{event: came_back}", 8, "'came_back', which is no event term", "returns.when: never"),
    ],
)  # fmt: skip
def test_source_that_cannot_be_loaded_is_found(
    tmp_path: Path, line: str, instead: str, place: int, what: str, next_step: str
) -> None:
    folder = workspace(tmp_path, CUSTOMER_ID, PURCHASE, TILL.replace(line, instead))
    assert_says(one(folder, "SOURCE"), f"plan/sources/till.yaml:{place}", what, next_step)


def test_source_of_order_lines_needs_an_event_with_products(tmp_path: Path) -> None:
    folder = workspace(tmp_path, CUSTOMER_ID, PURCHASE.split("products:")[0], TILL)
    assert_says(one(folder, "SOURCE"), "plan/sources/till.yaml:6", "has no products", "grain: event")


def test_source_that_is_complete_passes(tmp_path: Path) -> None:
    folder = workspace(tmp_path, CUSTOMER_ID, PURCHASE, TILL)
    assert [found(folder, code) for code in ("SOURCE", "REF")] == [[], []]


def test_time_zone_of_the_workspace_must_exist(tmp_path: Path) -> None:
    folder = workspace(tmp_path, text=WORKSPACE.replace("Berlin", "Berlim"))
    assert_says(one(folder, "ZONE"), "butfor.yaml:4", "'Europe/Berlim' is unknown", "Europe/Berlin")
    assert found(workspace(tmp_path), "ZONE") == []


@pytest.mark.parametrize(
    ("line", "what", "next_step"),
    [
        ("hub: mysql://me:secret@host/db", "hub is of unknown kind 'mysql'", "hub: sqlite keeps it"),
        ("lake: snowflake", "lake is of unknown kind 'snowflake'", "sc://HOST:PORT"),
    ],
)
def test_store_of_unknown_kind_is_found(tmp_path: Path, line: str, what: str, next_step: str) -> None:
    problem = one(workspace(tmp_path, text=WORKSPACE + line + "\n"), "STORE")
    assert_says(problem, "butfor.yaml:6", what, next_step)
    assert "secret" not in str(problem)


@pytest.mark.parametrize(
    "line",
    [
        "hub: sqlite",
        "hub: postgresql://h/d",
        "hub: env:HUB",
        "lake: duckdb:x.db",
        "lake: sc://h:1?warehouse=w",
    ],
)
def test_store_of_known_kind_passes(tmp_path: Path, line: str) -> None:
    assert found(workspace(tmp_path, text=f"{WORKSPACE}{line}\n"), "STORE") == []
