"""Rules about choosing people: trees, cycles, values, grids, permitted use."""

from pathlib import Path

import pytest
from plans import CUSTOMER_ID, PURCHASE, assert_says, audience, found, one, trait, workspace

ORDERS = trait("orders")
GRID = """\
kind: audience
id: rfm
label: Grid
why: it is of use
rfm:
  levels: 2
  borders:
    recency: [30]
    frequency: [1]
  cells:
    good: {recency: [1, 2], frequency: [2]}
    poor: {recency: [1, 2], frequency: [1]}
"""


@pytest.mark.parametrize(
    "rule",
    [
        "{trait: orders, at_least: 2}",
        "{all: [{trait: orders, above: 1}, {not: {trait: orders, equals: 7}}]}",
        "{any: [{audience: other}, {trait: orders, between: [1, 3]}, {trait: orders, exists: false}]}",
    ],
)
def test_audience_that_can_be_read_passes(tmp_path: Path, rule: str) -> None:
    other = audience("other", "{trait: orders, one_of: [1, 2]}")
    folder = workspace(tmp_path, CUSTOMER_ID, PURCHASE, ORDERS, other, audience("some", rule))
    assert [found(folder, code) for code in ("AUDIENCE", "VALUE", "REF", "USES", "EVENT")] == [[]] * 5


@pytest.mark.parametrize(
    ("rule", "what", "next_step"),
    [
        ("{trait: orders}", "has 0 operators (none)", "give exactly one"),
        ("{trait: orders, above: 1, below: 9}", "2 operators (above, below)", "under all:"),
        ("{above: 1}", "is about one of audience, trait, event", "at_least: 2"),
        ("{}", "is about one of audience, trait, event", "at_least: 2"),
        ("{trait: orders, audience: x, above: 1}", "has audience and trait", "keep one"),
        ("{all: [{audience: x}], trait: orders, above: 1}", "has all and trait", "keep one"),
        ("{all: [{audience: x}], any: [{audience: x}]}", "has all and any", "keep one"),
        ("{not: {trait: orders}}", "has 0 operators", "give exactly one"),
        ("{property: total, above: 1}", "is about one of audience, trait, event", "stands inside where"),
        ("{audience: x, above: 1}", "audience is true or not, and above has nothing", "negate with not"),
        ("{event: order_completed}", "event order_completed has 0 operators", "give exactly one"),
        ("{consent: email, equals: given, one_of: [given]}", "2 operators (equals, one_of)", "under all:"),
    ],
)
def test_condition_that_cannot_be_read_is_found(tmp_path: Path, rule: str, what: str, next_step: str) -> None:
    problem = one(workspace(tmp_path, ORDERS, audience("some", rule)), "AUDIENCE")
    assert_says(problem, "audiences/some.yaml:5", what, next_step)


def test_condition_deep_in_a_tree_is_found_in_its_line(tmp_path: Path) -> None:
    rule = "\n  all:\n    - {trait: orders, above: 1}\n    - not:\n        trait: orders"
    assert one(workspace(tmp_path, ORDERS, audience("some", rule)), "AUDIENCE").line == 8


@pytest.mark.parametrize(("rule", "grid"), [("", ""), ("rule: {audience: x}\n", "rfm: {levels: 5}\n")])
def test_audience_has_a_rule_or_a_grid(tmp_path: Path, rule: str, grid: str) -> None:
    text = f"kind: audience\nid: some\nlabel: some\nwhy: w\n{rule}{grid}"
    assert_says(one(workspace(tmp_path, text), "AUDIENCE"), "audiences/some.yaml:1", "either rule or rfm", "keep one")  # fmt: skip


@pytest.mark.requirement("R-191")
def test_audience_without_a_reason_is_warned_of(tmp_path: Path) -> None:
    problem = one(
        workspace(tmp_path, ORDERS, audience("some", "{trait: orders, above: 1}", "' '")), "AUDIENCE"
    )
    assert problem.level == "warning"
    assert_says(problem, "audiences/some.yaml:4", "some has no why", "write why:")


@pytest.mark.parametrize("length", [1, 2, 3])
def test_cycle_of_audiences_is_told_in_each_of_them(tmp_path: Path, length: int) -> None:
    names = ["a", "b", "c"][:length]
    ring = [audience(n, f"{{not: {{audience: {names[(i + 1) % length]}}}}}") for i, n in enumerate(names)]
    leading_there = audience("outside", "{audience: a}")
    problems = found(workspace(tmp_path, *ring, leading_there), "AUDIENCE")
    assert [p.file for p in problems] == [f"audiences/{n}.yaml" for n in names]
    assert problems[0].what.endswith(" -> ".join([*names, "a"]))
    assert "take one of them out" in problems[0].next


@pytest.mark.parametrize(
    ("kind", "condition", "what", "next_step"),
    [
        ("integer", "equals: many", "is integer and is compared with 'many'", "such as 3"),
        ("integer", "at_least: true", "compared with True", "such as 3"),
        ("text", "equals: 5", "is text and is compared with 5", "in quotes"),
        ("boolean", "equals: yes", "is boolean and is compared with 'yes'", "such as true"),
        ("date", "above: '31.12.2026'", "is date", "2026-01-31"),
        ("timestamp", "above: soon", "is timestamp", "2026-01-31T12:00:00"),
        ("number", "one_of: [1, two]", "compared with 'two'", "such as 2.5"),
        ("number", "between: [9, 1]", "nothing is between 9 and 1", "smaller value first"),
    ],
)
def test_value_of_another_type_is_found(
    tmp_path: Path, kind: str, condition: str, what: str, next_step: str
) -> None:
    folder = workspace(tmp_path, trait("word", kind), audience("some", f"{{trait: word, {condition}}}"))
    assert_says(one(folder, "VALUE"), "audiences/some.yaml:5", what, next_step)


@pytest.mark.parametrize(
    ("kind", "condition"),
    [("date", "above: '2026-12-31'"), ("timestamp", "below: '2026-01-31T12:00:00'"), ("money", "above: 9.5"), ("text", "contains: a"), ("boolean", "equals: true")],
)  # fmt: skip
def test_value_of_the_type_passes(tmp_path: Path, kind: str, condition: str) -> None:
    folder = workspace(tmp_path, trait("word", kind), audience("some", f"{{trait: word, {condition}}}"))
    assert found(folder, "VALUE") == []


@pytest.mark.parametrize(
    ("line", "instead", "place", "what", "next_step"),
    [
        ("recency: [30]", "recency: [30, 60]", 8, "2 recency borders for 2 levels", "give 1"),
        ("frequency: [2]}", "frequency: [1]}", 10, "R1 F2, R2 F2 in no cell", "exactly one cell"),
        ("frequency: [2]}", "frequency: [1, 2]}", 10, "R1 F1, R2 F1 in two cells", "exactly one cell"),
        ("frequency: [2]}", "frequency: [2, 3]}", 10, "R1 F3, R2 F3 outside the grid", "exactly one cell"),
    ],
)
def test_grid_that_does_not_add_up_is_found(
    tmp_path: Path, line: str, instead: str, place: int, what: str, next_step: str
) -> None:
    problems = found(workspace(tmp_path, GRID.replace(line, instead)), "RFM")
    hit = next(p for p in problems if what in p.what)
    assert_says(hit, f"audiences/rfm.yaml:{place}", what, next_step)


def test_grid_with_falling_borders_is_found(tmp_path: Path) -> None:
    text = GRID.replace("levels: 2", "levels: 3").replace("[30]", "[60, 30]")
    problem = next(p for p in found(workspace(tmp_path, text), "RFM") if "do not rise" in p.what)
    assert_says(problem, "audiences/rfm.yaml:8", "[60.0, 30.0]", "sort them")


def test_grid_that_covers_every_pair_passes(tmp_path: Path) -> None:
    assert found(workspace(tmp_path, GRID), "RFM") == []


@pytest.mark.requirement("R-193")
@pytest.mark.parametrize(
    ("line", "instead", "place", "level", "what", "next_step"),
    [
        ("uses: {target: allow, content: subtle, insight: allow}\n", "", 1, "error", "declares no permitted use", "add uses:"),
        ("content: subtle, insight: allow}\n", "content: allow, insight: allow}\nprovenance: bought\n", 8, "warning", "is bought", "content: subtle"),
        ("content: subtle, insight: allow}\n", "content: allow, insight: allow}\nprovenance: inferred\n", 8, "warning", "is inferred", "content: subtle"),
    ],
)  # fmt: skip
def test_term_without_fitting_uses_is_found(
    tmp_path: Path, line: str, instead: str, place: int, level: str, what: str, next_step: str
) -> None:
    problem = one(workspace(tmp_path, trait("genre").replace(line, instead)), "USES")
    assert problem.level == level
    assert_says(problem, f"plan/terms/genre.yaml:{place}", what, next_step)


@pytest.mark.requirement("R-193")
def test_audience_by_a_denied_term_is_refused(tmp_path: Path) -> None:
    denied = trait("genre", more="owner: data protection\n").replace("target: allow", "target: deny")
    folder = workspace(tmp_path, denied, audience("some", "{trait: genre, at_least: 2}"))
    assert_says(one(folder, "USES"), "audiences/some.yaml:5", "some targets by genre", "data protection")


@pytest.mark.requirement("R-193")
def test_logic_over_a_denied_term_does_not_clean_it(tmp_path: Path) -> None:
    denied = trait("genre").replace("target: allow", "target: deny")
    logic = "why: w\nlogic:\n  - {value: x, when: {trait: genre, above: 1}}\n  - {value: y}\n"
    folder = workspace(tmp_path, denied, trait("taste", "text", logic))
    assert_says(one(folder, "USES"), "plan/terms/taste.yaml:11", "taste targets by genre", "another trait")
    workspace(tmp_path, trait("taste", "text", logic).replace("target: allow", "target: deny"))
    assert found(folder, "USES") == []
