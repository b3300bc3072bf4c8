"""Writing definitions: what changed changes, everything else stays to the letter, and a file is whole or old."""

import difflib
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plans import WORKSPACE, trait, workspace

from butfor.model import BadDefinition, StoreError
from butfor.plan import load_plan, load_workspace_file, save_definition, save_workspace_file
from butfor.plan.kinds import Arm, Audience, Expectation, Experiment, Goal, Rule, Term, Uses

WRITTEN = """\
# The goal of the year.
kind: goal
id:   g          # spaced by hand
status:   active # a default, written down
want: "in double quotes"
to_do: 'in single quotes'

# Who works on it.
doers: [ Ann,  Bob ]
accountable: Ann and everybody else who happens to be around at the time when it turns out to be needed most of all
expect:
    low:  1
    likely: 2    # four spaces
    high: 3
guardrails:
- margin    # the first
- returns   # the second
sign_offs:
  CEO: 2026-01-02   # agreed
  CFO:
"""


def change(tmp_path: Path, text: str, **values: Any) -> list[str]:
    """Save one goal with other values; return the lines that came and went."""
    path = workspace(tmp_path, text) / "goals/g.yaml"
    goal = load_plan(tmp_path).get(Goal, "g")
    save_definition(tmp_path, msgspec.structs.replace(goal, **values))
    assert load_plan(tmp_path).get(Goal, "g") == msgspec.structs.replace(goal, **values)
    changed = difflib.unified_diff(text.split("\n"), path.read_text().split("\n"), n=0, lineterm="")
    return [line for line in list(changed)[2:] if not line.startswith("@@")]


@pytest.mark.parametrize(
    ("values", "lines"),
    [
        ({}, []),
        ({"to_do": "new"}, ["-to_do: 'in single quotes'", "+to_do: 'new'"]),
        ({"status": "draft"}, ["-status:   active # a default, written down", "+status: draft    # a default, written down"]),
        ({"owner": "me"}, ["+owner: me"]),
        ({"want": ""}, ['-want: "in double quotes"']),
        ({"guardrails": ["margin"]}, ["-- returns   # the second"]),
        ({"doers": ["Ann"]}, ["-doers: [ Ann,  Bob ]", "+doers: [Ann]"]),
        ({"sign_offs": {"CEO": date(2026, 1, 2), "CFO": date(2026, 3, 4)}}, ["-  CFO:", "+  CFO: 2026-03-04"]),
    ],
)  # fmt: skip
def test_save_touches_only_the_lines_that_change(
    tmp_path: Path, values: dict[str, Any], lines: list[str]
) -> None:
    assert change(tmp_path, WRITTEN, **values) == lines


def test_save_in_an_unusual_layout_keeps_the_rest_of_the_file(tmp_path: Path) -> None:
    lines = change(tmp_path, WRITTEN, expect=Expectation(low=1, likely=2.5, high=3))
    assert "+  likely: 2.5    # four spaces" in lines
    assert len(lines) == 6


def test_save_keeps_comments_between_the_items_of_a_list(tmp_path: Path) -> None:
    text = "kind: audience\nid: a\nlabel: a\nrule:\n  all:\n    # old ones\n    - {trait: x, above: 1}\n    # rich ones\n    - {trait: y, above: 2}\n"
    path = workspace(tmp_path, text) / "audiences/a.yaml"
    rules = [Rule(trait="x", above=1), Rule(trait="y", above=3), Rule(trait="z", below=1)]
    save_definition(tmp_path, Audience(id="a", label="a", rule=Rule(all=rules)))
    added = "    - trait: z\n      below: 1\n"
    assert path.read_text() == text.replace("y, above: 2", "y, above: 3") + added


def test_save_tells_one_from_true(tmp_path: Path) -> None:
    folder = workspace(tmp_path, "kind: audience\nid: a\nlabel: a\nrule: {trait: x, one_of: [1, 2]}\n")
    rule = Rule(trait="x", one_of=[True, 2])
    save_definition(folder, Audience(id="a", label="a", rule=rule))
    assert str(load_plan(folder).get(Audience, "a").rule.one_of) == "[True, 2]"  # type: ignore[union-attr]


def test_save_changes_one_of_two_places_that_share_an_anchor(tmp_path: Path) -> None:
    text = "kind: experiment\nid: e\nlabel: e\nmetrics: []\narms:\n  a: &half {share: 0.5}\n  b: *half\n"
    folder = workspace(tmp_path, text)
    test = load_plan(folder).get(Experiment, "e")
    arms = {"a": Arm(share=0.7), "b": Arm(share=0.5)}
    save_definition(folder, msgspec.structs.replace(test, arms=arms))
    assert load_plan(folder).get(Experiment, "e").arms == arms


def test_save_keeps_line_ends_of_windows(tmp_path: Path) -> None:
    path = workspace(tmp_path, WRITTEN) / "goals/g.yaml"
    path.write_bytes(WRITTEN.replace("\n", "\r\n").encode())
    save_definition(tmp_path, msgspec.structs.replace(load_plan(tmp_path).get(Goal, "g"), want="new"))
    assert path.read_bytes() == WRITTEN.replace('"in double quotes"', '"new"').replace("\n", "\r\n").encode()


def test_save_finds_the_file_of_an_id_and_leaves_files_of_others(tmp_path: Path) -> None:
    terms = workspace(tmp_path, trait("other")) / "plan/terms"
    (terms / "spend.yaml").write_text(trait("orders"))
    orders = load_plan(tmp_path).get(Term, "orders")
    assert save_definition(tmp_path, orders).name == "spend.yaml"
    assert save_definition(tmp_path, msgspec.structs.replace(orders, id="spend")).name == "spend_2.yaml"
    assert {t.id for t in load_plan(tmp_path).all(Term)} == {"orders", "other", "spend"}


@pytest.mark.parametrize("name", ["../orders", "a/b", "a b", ".hidden", "a.b", "-x"])
def test_save_refuses_an_id_that_is_no_file_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadDefinition, match="an id names a file"):
        save_definition(workspace(tmp_path), Goal(id=name))
    assert [p.name for p in tmp_path.rglob("*")] == ["butfor.yaml"]


def test_save_refuses_to_replace_broken_yaml(tmp_path: Path) -> None:
    path = workspace(tmp_path, WRITTEN) / "goals/g.yaml"
    path.write_text("kind: goal\nid: 'g\n")
    with pytest.raises(BadDefinition, match="missing quote"):
        save_definition(tmp_path, Goal(id="g"))
    assert path.read_text() == "kind: goal\nid: 'g\n"


def test_save_repairs_a_document_of_the_wrong_shape(tmp_path: Path) -> None:
    workspace(tmp_path, "# mine\nkind: goal\nid: g\nactions: many\nwnat: x\n")
    path = save_definition(tmp_path, Goal(id="g", want="x"))
    assert path.read_text() == "# mine\nkind: goal\nid: g\nwant: x\n"


def test_save_that_fails_leaves_the_old_file_and_no_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = workspace(tmp_path, WRITTEN) / "goals/g.yaml"

    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(StoreError, match="No space left") as caught:
        save_definition(tmp_path, Goal(id="g", want="new"))
    assert "check disk space" in caught.value.next_step
    assert path.read_text() == WRITTEN
    assert list(tmp_path.rglob("*.part")) == []


def test_save_workspace_file_changes_only_what_changed(tmp_path: Path) -> None:
    folder = workspace(tmp_path, text="# our shop\n" + WORKSPACE)
    save_workspace_file(folder, msgspec.structs.replace(load_workspace_file(folder), currency="GBP"))
    assert (folder / "butfor.yaml").read_text() == "# our shop\n" + WORKSPACE.replace("EUR", "GBP")


NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
SCALARS = st.one_of(TEXTS, st.integers(-(10**12), 10**12), st.booleans(), st.floats(allow_nan=False, allow_infinity=False))  # fmt: skip
USES = st.builds(Uses, **{use: st.sampled_from(["allow", "subtle", "deny"]) for use in ("target", "content", "insight")})  # fmt: skip
LEAVES = st.one_of(
    st.builds(Rule, trait=NAMES, equals=SCALARS),
    st.builds(Rule, trait=NAMES, one_of=st.lists(SCALARS, max_size=4)),
    st.builds(Rule, trait=NAMES, exists=st.booleans()),
    st.builds(Rule, audience=NAMES),
)
RULES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(Rule, all=st.lists(inner, max_size=3)),
        st.builds(Rule, any=st.lists(inner, max_size=3)),
        st.builds(Rule, not_=inner),
    ),
    max_leaves=6,
)
TERMS = st.builds(
    Term, id=NAMES, what=st.just("trait"), label=TEXTS, system=TEXTS, means=TEXTS, aliases=st.lists(TEXTS, max_size=4),
    labels=st.dictionaries(NAMES, TEXTS, max_size=3), uses=st.none() | USES, why=TEXTS,
)  # fmt: skip
AUDIENCES = st.builds(Audience, id=NAMES, label=TEXTS, why=TEXTS, rule=st.none() | RULES)


def saved(folder: str, *definitions: Term | Audience) -> Term | Audience | None:
    """Save definitions one over the other, load the folder, and return what it holds."""
    for each in definitions:
        save_definition(Path(folder), each)
    (Path(folder) / "butfor.yaml").write_text(WORKSPACE)
    plan = load_plan(Path(folder))
    assert plan.problems == []
    return plan.find(type(definitions[-1]), definitions[-1].id)


@settings(deadline=None, max_examples=150)
@given(st.one_of(TERMS, AUDIENCES))
def test_save_then_load_gives_the_same_definition(definition: Term | Audience) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert repr(saved(folder, definition)) == repr(definition)


@settings(deadline=None, max_examples=150)
@given(st.one_of(st.tuples(TERMS, TERMS), st.tuples(AUDIENCES, AUDIENCES)))
def test_save_over_another_gives_the_new_definition(pair: tuple[Any, Any]) -> None:
    old, new = pair
    with tempfile.TemporaryDirectory() as folder:
        assert saved(folder, msgspec.structs.replace(old, id=new.id), new) == new
