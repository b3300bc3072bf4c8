"""Reading a workspace folder: what cannot be read is a problem with a place, and the rest still loads."""

from pathlib import Path

import pytest
from plans import CUSTOMER_ID, GOAL, MARGIN, PURCHASE, WORKSPACE, trait, workspace

from butfor.model import BadDefinition
from butfor.plan import Problem, check, load_plan, load_workspace_file, retail_plan, save_definition
from butfor.plan.kinds import Goal, Term

CASES = Path(__file__).parents[2] / "cases"


def broken(folder: Path, text: str | bytes, file: str = "plan/terms/orders.yaml") -> Problem:
    """Write a file beside a sound term and return the only problem."""
    path = workspace(folder, CUSTOMER_ID) / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    plan = load_plan(folder)
    assert plan.find(Term, "customer_id")
    assert len(plan.problems) == 1, plan.problems
    return plan.problems[0]


@pytest.mark.requirement("R-202")
@pytest.mark.parametrize(
    ("line", "instead", "place", "what", "next_step"),
    [
        ("label: The orders", "lable: The orders", 5, "unknown field `lable`", "did you mean label"),
        ("label: The orders\n", "", 1, "missing required field `label`", "add label:"),
        ("type: integer", "type: intger", 4, "Invalid enum value 'intger'", "did you mean integer"),
        ("means: What orders says.", "means: [a, b]", 7, "Expected `str`, got `array`", "correct the field"),
        ("target: allow", "target: alow", 8, "Invalid enum value 'alow'", "did you mean allow"),
        ("target: allow", "targt: allow", 8, "unknown field `targt`", "did you mean target"),
    ],
)
def test_load_names_line_and_remedy_of_a_bad_field(
    tmp_path: Path, line: str, instead: str, place: int, what: str, next_step: str
) -> None:
    problem = broken(tmp_path, trait("orders").replace(line, instead))
    assert (problem.code, problem.file, problem.line) == ("SHAPE", "plan/terms/orders.yaml", place)
    assert what in problem.what
    assert next_step in problem.next


@pytest.mark.parametrize(
    ("more", "place", "next_step"),
    [
        ("properties:\n  a: {type: text}\n  b:\n    typ: text\n", 12, "did you mean type"),
        ("properties:\n  a: {type: text}\n  b: {type: txt}\n", 11, "did you mean text"),
        ("logic:\n  - {value: a}\n  - {value: b, when: {all: [{trait: x, abov: 1}]}}\n", 11, "did you mean above"),
        ("identity: {max_accounts: 1}\n", 9, "correct the field"),
    ],
)  # fmt: skip
def test_load_finds_the_line_deep_in_lists_and_mappings(
    tmp_path: Path, more: str, place: int, next_step: str
) -> None:
    problem = broken(tmp_path, trait("orders", more=more))
    assert problem.line == place
    assert next_step in problem.next


@pytest.mark.parametrize(
    ("text", "place", "why", "next_step"),
    [
        ("kind: term\nid: 'x\n", 3, "one YAML document", "missing quote"),
        ("kind: term\nid: x\nid: y\n", 3, "one YAML document", "near that line"),
        ("kind: term\n\tid: x\n", 2, "one YAML document", "indent"),
        ("kind: term\n---\nkind: term\n", 2, "one YAML document", "near that line"),
        ("- kind: term\n- id: x\n", 1, "a mapping that starts with kind", "'kind: ...' and 'id: ...' first"),
        ("just words\n", 1, "a mapping that starts with kind", "remove the file"),
        ("", 1, "a mapping that starts with kind", "remove the file"),
        (b"kind: term\nlabel: Gr\xf6\xdfe\n", 1, "in UTF-8", "save it as UTF-8"),
        (b"kind: term\nlabel: \x00\n", 1, "in UTF-8", "save it as UTF-8"),
        ("&a\nx: *a\n", 1, "does not contain itself", "remove the alias"),
        ("kind: " + "[" * 4000, 1, "does not contain itself", "flatten"),
        ("kind: goal\nid: x\n", 1, "files in plan/terms/ are of kind term", "move it to goals/"),
        ("id: x\nkind: gaol\n", 2, "of kind term", "the folder of its kind"),
    ],
)  # fmt: skip
def test_load_tells_what_is_no_definition(
    tmp_path: Path, text: str | bytes, place: int, why: str, next_step: str
) -> None:
    problem = broken(tmp_path, text)
    assert (problem.level, problem.line) == ("error", place)
    assert why in problem.why
    assert next_step in problem.next


def test_load_takes_a_file_of_windows_as_it_is(tmp_path: Path) -> None:
    workspace(tmp_path)
    path = tmp_path / "plan/terms/orders.yaml"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\xef\xbb\xbf" + trait("orders").replace("\n", "\r\n").encode())
    assert load_plan(tmp_path).get(Term, "orders").label == "The orders"


def test_load_tells_of_two_definitions_with_one_id(tmp_path: Path) -> None:
    workspace(tmp_path, trait("orders"))
    (tmp_path / "plan/terms/zz.yml").write_text(trait("orders"))
    problem = load_plan(tmp_path).problems[0]
    assert (problem.code, problem.file, problem.line) == ("DUPLICATE", "plan/terms/zz.yml", 2)
    assert "term orders is defined here and in plan/terms/orders.yaml" in problem.what
    assert "remove plan/terms/zz.yml" in problem.next


@pytest.mark.parametrize(
    ("file", "kind", "next_step"),
    [("audience/a.yaml", "audience", "audiences/"), ("plan/term/a.yaml", "term", "plan/terms/"), ("policies/a.yaml", "gaol", "goal")],
)  # fmt: skip
def test_load_warns_of_a_file_nobody_reads(tmp_path: Path, file: str, kind: str, next_step: str) -> None:
    problem = broken(tmp_path, f"kind: {kind}\nid: a\n", file)
    assert (problem.level, problem.code, problem.file) == ("warning", "FOLDER", file)
    assert next_step in problem.next


def test_load_passes_over_what_is_no_definition_file(tmp_path: Path) -> None:
    workspace(tmp_path, trait("orders"))
    (tmp_path / "plan/terms/folder.yaml").mkdir()
    (tmp_path / "plan/terms/.orders.yaml").write_text("{")
    (tmp_path / "content").mkdir()
    (tmp_path / "content/words.yaml").write_text("hello: world")
    assert load_plan(tmp_path).problems == []


def test_load_refuses_a_folder_without_workspace_file(tmp_path: Path) -> None:
    with pytest.raises(BadDefinition, match="a workspace is a folder with") as caught:
        load_plan(tmp_path)
    assert "butfor init" in caught.value.next_step


@pytest.mark.parametrize(
    ("text", "thing", "next_step"),
    [
        (WORKSPACE.replace("version: 1", "version: 99"), "version", "update butfor"),
        (WORKSPACE.replace("currency: EUR", "currency: euro"), "line 3: currency", "correct the field"),
        (WORKSPACE.replace("name:", "nmae:"), "line 2", "did you mean name"),
        (WORKSPACE.replace("primary:", "first:"), "line 5: identity", "primary"),
        (WORKSPACE.replace("version: 1\n", ""), "line 1", "add version:"),
        ("- 1", "butfor.yaml", "first"),
    ],
)
def test_load_refuses_a_workspace_file_it_cannot_use(
    tmp_path: Path, text: str, thing: str, next_step: str
) -> None:
    with pytest.raises(BadDefinition) as caught:
        load_workspace_file(workspace(tmp_path, text=text))
    assert thing in caught.value.thing
    assert next_step in caught.value.next_step


def test_plan_names_what_there_is_instead(tmp_path: Path) -> None:
    plan = load_plan(workspace(tmp_path, trait("orders")))
    with pytest.raises(BadDefinition, match="did you mean orders"):
        plan.get(Term, "order")
    with pytest.raises(BadDefinition, match="write goals/more"):
        plan.get(Goal, "more")


def test_check_puts_errors_first_and_shows_place_reason_and_remedy(tmp_path: Path) -> None:
    problems = check(
        load_plan(workspace(tmp_path, CUSTOMER_ID, PURCHASE, MARGIN, GOAL.replace("+5 %", "much")))
    )
    assert [p.level for p in problems] == sorted(p.level for p in problems)
    shown = str(next(p for p in problems if p.code == "GOAL"))
    assert shown.startswith("goals/more_margin.yaml:8: error GOAL: how_much 'much'")
    assert "why:" in shown
    assert "next:" in shown


@pytest.mark.requirement("R-200")
def test_retail_plan_has_no_errors(tmp_path: Path) -> None:
    workspace(tmp_path)
    for definition in retail_plan():
        save_definition(tmp_path, definition)
    plan = load_plan(tmp_path)
    assert {d.id: d for d in plan.all(Term)} == {d.id: d for d in retail_plan() if isinstance(d, Term)}
    assert check(plan) == []


@pytest.mark.parametrize("case", sorted(p.parent.name for p in CASES.glob("*/butfor.yaml")))
def test_case_has_no_errors(case: str) -> None:
    assert [p for p in check(load_plan(CASES / case)) if p.level == "error"] == []
