import re
from html.parser import HTMLParser

import pytest

from butfor.charts.customers import lifecycle, rfm_grid
from butfor.charts.report import Report, Section, Tile, page

EVIL = '<script>alert("x")</script>'


@pytest.fixture
def report(cells, stages):
    return Report(
        title="Win-back",
        lead="It caused 8,690 EUR.",
        tiles=[Tile("Net caused margin", "8,690 EUR", "95 %: 2,100 to 15,300")],
        sections=[
            Section(
                heading="Who they are",
                sentences=["They buy."],
                chart=rfm_grid(cells),
                table=cells,
                notes=["RFM"],
            ),
            Section(heading="Where they stand", chart=lifecycle(stages)),
        ],
        notes=["Randomised."],
    )


def test_page_stands_alone_and_is_well_formed(report):
    html = page(report)
    assert html == page(report)
    assert not re.findall(r'(?:src|href)="|url\((?!#)|@import|<script|<link', html)
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r"url\(#([^)]+)\)", html)) <= set(ids)
    balance = Balance()
    balance.feed(html)
    assert balance.open == []


def test_page_begins_with_the_verdict_and_names_every_picture(report):
    html = page(report)
    assert html.startswith('<!doctype html>\n<html lang="en">')
    assert html.index("<h1>It caused 8,690 EUR.</h1>") < html.index("8,690 EUR</dd>") < html.index("<h2")
    name = 'role="img" aria-label="Champions: 30 % of customers bring 87 % of the money"'
    assert html.count(name) == 2  # wide and narrow, one of them shown
    assert "<details>" in html
    assert '<td class="n">480,000</td>' in html
    assert '<th scope="col">recency</th><th scope="col" class="n">frequency</th>' in html


def test_everything_is_escaped(stages):
    stages[0]["stage"] = EVIL
    evil = Report(
        title=EVIL, lead=EVIL, language='"' + EVIL, tiles=[Tile(EVIL, EVIL, EVIL)], notes=[EVIL],
        sections=[Section(heading=EVIL, sentences=[EVIL], chart=lifecycle(stages), table=[{EVIL: EVIL}], notes=[EVIL])],
    )  # fmt: skip
    html = page(evil)
    assert "<script" not in html
    assert html.count("&lt;script") > 10


def test_table_writes_what_is_missing():
    html = page(
        Report(
            title="T",
            lead="L",
            sections=[Section(heading="H", table=[{"a": "x", "b": None, "c": True, "d": 0.5}])],
        )
    )
    assert '<th scope="row">x</th><td>–</td><td>yes</td><td class="n">0.5</td>' in html


class Balance(HTMLParser):
    """Keeps the tags that are open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
