"""What people typed is judged once per delivery: junk names nobody, doubt is written down, the original is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from live_calls import SITE, Live
from shops import ask, changed, shop, write

from butfor.app import Workspace
from butfor.plan.kinds import Column, Source

CRM = Source(
    id="crm", label="Customer records", connector="csv", grain="person", account="customer", country="DE",
    columns={
        "customer": "id.customer_id", "mail": Column(to="id.email", clean="email"), "tel": Column(to="id.phone", clean="phone"),
        "first": Column(to="person.first_name", clean="name"), "city": Column(to="person.city", clean="city"),
    },
)  # fmt: skip
HEADER = "customer,mail,tel,first,city"


def identifiers(ws: Workspace, term: str) -> dict[str, tuple[str, bool]]:
    rows = ask(
        ws.lake,
        "SELECT a.account_key AS k, i.val, i.verified FROM identifier AS i JOIN account AS a ON a.account_id = i.account_id "
        f"WHERE i.term = '{term}'",
    )
    return {r["k"]: (r["val"], r["verified"]) for r in rows}


def quality(ws: Workspace) -> dict[tuple[str, str], dict[str, Any]]:
    rows = ask(
        ws.lake,
        "SELECT a.account_key AS k, q.* FROM quality AS q JOIN account AS a ON a.account_id = q.account_id",
    )
    return {(r["k"], r["term"]): r for r in rows}


@pytest.fixture
def rows(tmp_path: Path) -> str:
    return write(
        tmp_path / "crm.csv",
        [
            HEADER, "1,a@gmial.com,0171 2345678,Anna,St Petersbrg", "2,none@none.com,0000000,test,Muenchen",
            "3, Bob@Web.de ,+491712345678,Bob,Barcelna", '4,info@haus.de," null ",N/A,', "5,no mail,12,Eva,Hintertupfing",
        ],
    )  # fmt: skip


@pytest.mark.requirement("R-088")
def test_a_typing_error_is_kept_unverified_with_a_suggestion_and_junk_names_nobody(
    tmp_path: Path, rows: str
) -> None:
    with shop(tmp_path, CRM) as ws:
        done = ws.load("crm", rows)
        assert (done.read, done.accepted, done.quarantined) == (5, 5, 0)
        assert identifiers(ws, "email") == {
            "1": ("a@gmial.com", False), "3": ("bob@web.de", True), "4": ("info@haus.de", True),
        }  # fmt: skip
        assert identifiers(ws, "phone") == {"1": ("+491712345678", True), "3": ("+491712345678", True)}
        found = quality(ws)
        assert (found["1", "email"]["flags"], found["1", "email"]["suggestion"]) == ("typo", "a@gmail.com")
        assert found["2", "email"]["became"] is None
        assert found["4", "email"]["flags"] == "role"
        assert ("4", "phone") not in found
        assert done.flagged == {
            "city: unknown city": 3, "email: junk": 1, "email: role": 1, "email: syntax": 1,
            "email: typo": 1, "first_name: junk": 1, "phone: junk": 2,
        }  # fmt: skip


@pytest.mark.requirement("R-087")
def test_a_city_gets_its_id_and_how_sure_it_is(tmp_path: Path, rows: str) -> None:
    with shop(tmp_path, changed(CRM, country=None)) as ws:
        ws.load("crm", rows)
        city = quality(ws)["1", "city"]
        assert (city["val"], city["became"], city["place"]) == (
            "St Petersbrg",
            "Saint Petersburg",
            "ru-saint-petersburg",
        )
        assert city["confidence"] == pytest.approx(0.87, abs=0.01)
        assert quality(ws)["2", "city"]["place"] == "de-munich"
        cities = ask(ws.lake, "SELECT city FROM attribute WHERE city IS NOT NULL ORDER BY city")
        assert [c["city"] for c in cities] == ["Barcelona", "Hintertupfing", "Muenchen", "Saint Petersburg"]


def test_loading_again_adds_nothing(tmp_path: Path, rows: str) -> None:
    with shop(tmp_path, CRM) as ws:
        ws.load("crm", rows)
        before = len(quality(ws))
        assert ws.load("crm", rows).repeated == 5
        assert len(quality(ws)) == before


def test_a_dump_of_geonames_in_the_folder_is_used(tmp_path: Path) -> None:
    cells = [
        "7",
        "Hintertupfing",
        "Hintertupfing",
        "",
        "1",
        "1",
        "P",
        "PPL",
        "DE",
        "",
        "",
        "",
        "",
        "",
        "900",
        "",
        "",
        "",
        "",
    ]
    write(tmp_path / "cities15000.txt", ["\t".join(cells)])
    with shop(tmp_path, CRM) as ws:
        ws.load("crm", write(tmp_path / "crm.csv", [HEADER, "1,,,Ann,Hintertupfng"]))
        assert quality(ws)["1", "city"]["place"] == "geonames-7"


def test_live_calls_are_judged_alike(tmp_path: Path) -> None:
    with shop(tmp_path, SITE) as ws:
        live = Live(ws)
        for n, (mail, tel) in enumerate([("none@none.com", "0000000"), ("A@gmial.com", "+49 171 2345678")]):
            call = {
                "type": "identify",
                "messageId": f"m{n}",
                "userId": f"u{n}",
                "traits": {"email": mail, "phone": tel},
            }
            live.put(call)
        live.run()
        live.inbox.close()
        assert set(identifiers(ws, "email").values()) == {("a@gmial.com", False)}
        assert set(identifiers(ws, "phone").values()) == {("+491712345678", False)}
        assert {r["flags"] for r in ask(ws.lake, "SELECT flags FROM quality")} == {"junk", "typo"}
