import duckdb
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp

from butfor.experiments.design import (
    arm_expression,
    borders,
    check_design,
    control_arm,
    definition_hash,
    draw_arm,
    hypothesis_sentence,
    null_hypothesis,
)
from butfor.model import Refused
from butfor.plan.kinds import Arm, Experiment, Hypothesis, Policy, PolicyCase, Threshold

H1 = Hypothesis(
    audience="lapsed customers", change="message B", metric="margin", direction="up", minimum_effect=0.25
)
ARMS = {"b": Arm(share=0.9, variant="b"), "a": Arm(share=0.1, control=True)}
TEST = Experiment(id="lapsed_b", label="B for the lapsed", hypothesis=H1, metrics=["margin"], arms=ARMS)
changed = msgspec.structs.replace


@pytest.mark.requirement("R-012")
def test_null_hypothesis_in_words():
    assert null_hypothesis(H1, "margin per customer") == (
        "In lapsed customers, message B does not change or lowers margin per customer."
    )
    assert hypothesis_sentence(H1, "margin per customer") == (
        "In lapsed customers, message B raises margin per customer by at least 0.25."
    )
    down = changed(H1, direction="down")
    assert "does not change or raises" in null_hypothesis(down, "returns")


@pytest.mark.requirement("R-011")
def test_no_start_without_hypothesis():
    with pytest.raises(Refused, match="EXP-H1"):
        check_design(changed(TEST, hypothesis=None))
    check_design(TEST)


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("EXP-METRIC", {"metrics": ["orders"]}),
        ("EXP-SHARES", {"arms": {"a": Arm(share=0.5, control=True), "b": Arm(share=0.4, variant="b")}}),
        ("EXP-ARMS", {"arms": {"a": Arm(share=1.0, control=True)}}),
        ("EXP-CONTROL", {"arms": {"a": Arm(share=0.5, variant="a"), "b": Arm(share=0.5, variant="b")}}),
        (
            "EXP-POLICY",
            {"policies": {"p": Policy(label="", cases=[PolicyCase(arm="c")], against="a", metric="margin")}},
        ),
    ],
)
def test_designs_that_cannot_prove_anything_are_refused(code, change):
    with pytest.raises(Refused, match=code):
        check_design(changed(TEST, **change))


def test_only_arm_without_variant_is_the_control():
    assert control_arm(changed(TEST, arms={"a": Arm(share=0.5), "b": Arm(share=0.5, variant="b")})) == "a"


@pytest.mark.requirement("R-011", "R-013")
def test_hash_changes_with_what_is_fixed_and_with_nothing_else():
    address = definition_hash(TEST)
    assert len(address) == 64
    same = [
        {"label": "Better name"},
        {"owner": "ana"},
        {"status": "paused"},
        {"arms": dict(reversed(ARMS.items()))},
    ]
    other = [
        {"threshold": Threshold(alpha=0.1)},
        {"salt": "x"},
        {"window_days": 7},
        {"hypothesis": None},
        {"metrics": []},
    ]
    assert {definition_hash(changed(TEST, **change)) for change in same} == {address}
    assert address not in {definition_hash(changed(TEST, **change)) for change in other}


def test_draw_is_pinned_for_ever():
    # md5("spring-0") starts with 7e12feca = 2115174090, bucket 4090, below 5000: arm a.
    halves = {"a": Arm(share=0.5), "b": Arm(share=0.5)}
    assert "".join(draw_arm("spring", str(unit), halves) for unit in range(12)) == "abbbaababbba"


def test_order_of_arms_in_the_file_does_not_matter():
    backwards = dict(reversed(ARMS.items()))
    assert [draw_arm("s", str(u), ARMS) for u in range(99)] == [
        draw_arm("s", str(u), backwards) for u in range(99)
    ]


def test_shares_are_met():
    thirds = {name: Arm(share=0.333) for name in "abc"}
    assert borders(thirds) == [("a", 3333), ("b", 6667), ("c", 10_000)]
    drawn = [draw_arm("s", str(unit), ARMS) for unit in range(20_000)]
    assert drawn.count("a") / 20_000 == pytest.approx(0.1, abs=0.008)


@settings(max_examples=25, deadline=None)
@given(
    st.text(max_size=8).filter(lambda s: "\x00" not in s),
    st.lists(st.text().filter(lambda s: "\x00" not in s), min_size=1),
)
def test_draw_in_duckdb_is_the_same(salt, units):
    lake = duckdb.connect()
    lake.execute("CREATE TABLE people (unit TEXT)")
    lake.executemany("INSERT INTO people VALUES (?)", [(unit,) for unit in units])
    drawn = exp.select("unit", arm_expression(exp.column("unit"), salt, ARMS).as_("arm")).from_("people")
    for unit, arm in lake.execute(drawn.sql("duckdb")).fetchall():
        assert arm == draw_arm(salt, unit, ARMS)


def test_unit_that_is_null_gets_no_arm():
    drawn = exp.select(arm_expression(exp.cast(exp.Null(), "text"), "s", ARMS))
    assert duckdb.sql(drawn.sql("duckdb")).fetchall() == [(None,)]
