"""The case cdnow gives the figures of the literature from the public file; online_retail says where it has no dropout."""

from __future__ import annotations

from pathlib import Path

import pytest

from butfor.app.value import Predicted
from butfor.case import run_case
from butfor.pages import case_page
from butfor.profiles.value.bgnbd import Bgnbd
from butfor.profiles.value.nbd import Nbd


@pytest.fixture(scope="module")
def cdnow(data_folder: Path):
    return run_case("cdnow", data_folder)


@pytest.mark.requirement("R-103")
def test_parameters_are_those_of_the_literature(cdnow) -> None:
    held = cdnow.value.holdout
    m = held.models.buying.model
    assert isinstance(m, Bgnbd)
    assert (round(m.r, 3), round(m.alpha, 3), round(m.a, 3), round(m.b, 3)) == (0.243, 4.414, 0.793, 2.426)
    assert round(m.log_likelihood, 2) == -9582.43
    s = held.models.spend
    assert (round(s.p, 2), round(s.q, 2), s.v) == (6.25, 3.74, pytest.approx(15.44, abs=0.01))
    assert round(s.correlation, 2) == 0.11


def test_the_next_39_weeks_are_foretold_better_than_by_rules_of_thumb(cdnow) -> None:
    held = cdnow.value.holdout
    ours, lately, rate, nobody = held.orders
    assert (held.cut.isoformat(), held.days, held.people) == ("1997-09-30", 273, 2357)
    assert ours.mae <= 0.79
    assert ours.correlation == pytest.approx(0.626, abs=0.001)
    assert (round(ours.predicted), ours.actual) == (1653, 1882)
    assert rate.mae == pytest.approx(1.024, abs=0.001)
    assert ours.mae < min(lately.mae, rate.mae, nobody.mae)
    assert held.beats_baselines


def test_the_case_has_its_figures_as_data_and_as_a_page(cdnow) -> None:
    data = cdnow.to_dict()
    assert data["value"]["holdout"]["models"]["buying"]["model"]["type"] == "BG/NBD"
    page = case_page(cdnow)
    assert "BG/NBD beats every rule of thumb: 1,653 purchases foretold, 1,882 came" in page
    assert "What customers will buy, foretold and checked" in page


@pytest.mark.slow
@pytest.mark.requirement("R-103", "R-104")
def test_one_year_of_online_retail_shows_no_dropout_and_says_so(data_folder: Path) -> None:
    found = run_case("online_retail", data_folder).value
    assert isinstance(found, Predicted)
    assert found.holdout is not None
    for models in (found.models, found.holdout.models):
        assert models.buying.boundary
        assert isinstance(models.buying.model, Nbd)
        assert "No dropout is visible in these data" in models.buying.sentences[0]
    assert found.holdout.orders[0].correlation == pytest.approx(0.795, abs=0.001)
    assert not found.holdout.beats_baselines
    assert found.holdout.sentences[0].startswith("Not better than a rule of thumb")
    assert found.limits[0].startswith("No season is known: 373 days")
