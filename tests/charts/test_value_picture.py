from datetime import date

import numpy as np
import pytest

from butfor.charts.render import heading, to_spec, to_svg
from butfor.charts.value import foretold, foretold_text, score_rows, value_section
from butfor.profiles.value import History, Holdout, hold_out


@pytest.fixture(scope="module")
def held() -> Holdout:
    repeats = np.array([0.0, 0, 0, 1, 2, 9, 12] * 5)
    days = np.where(repeats > 0, 60.0, 0.0)
    later = np.minimum(repeats, 3)
    numbers = {"repeats": repeats, "recency": days, "age": np.full(35, 80.0), "repeat_value": repeats * 10}
    rest = {"recent": repeats, "recent_value": repeats * 10, "later": later, "later_value": later * 10}
    return hold_out(History(**numbers, **rest), date(2026, 3, 1), 30)


def test_the_picture_puts_foretold_beside_came(held: Holdout) -> None:
    chart = foretold(held)
    rows = to_spec(chart)["layer"][0].get("data", to_spec(chart).get("data"))["values"]
    assert [(r["repeats"], r["people"], r["came"]) for r in rows] == [
        ("0", "15", 0.0), ("1", "5", 1.0), ("2", "5", 2.0), ("7+", "10", 3.0),
    ]  # fmt: skip
    assert f"{held.orders[0].actual:,.0f} came" in heading(chart)[0]
    assert "7+" in to_svg(chart)


def test_terminal_and_table_carry_the_same_figures(held: Holdout) -> None:
    lines = foretold_text(held.bands, width=60).splitlines()
    assert len(lines) == 2 * len(held.bands)
    assert all(len(line) <= 70 for line in lines)
    assert lines[-1].endswith("3.00")
    assert [r["came"] for r in score_rows(held.orders)] == ["45"] * 4


def test_a_section_without_holdout_has_sentences_only() -> None:
    section = value_section(None, ["No dropout."], ["No season."], None, "EUR", 30)
    assert (section.chart, list(section.sentences), list(section.notes)) == (
        None,
        ["No dropout."],
        ["No season."],
    )
