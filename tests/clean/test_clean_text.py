"""What people type, and what it means."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from butfor.clean import (
    clean_city,
    clean_email,
    clean_name,
    clean_phone,
    comparison_key,
    geonames,
    name_key,
    names_agree,
    own_gazetteer,
    parse_name,
)


def one(left: str, right: str) -> bool:
    return names_agree(name_key(left), name_key(right))


@pytest.mark.requirement("R-086")
@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("Jon Smth", "John Smith", True), ("Bob Smith", "Smith, Robert", True), ("Dr. Anna Müller", "ANNA MUELLER", True),
        ("Herr Dr. Jürgen Groß", "Jurgen Gross", True), ("Ольга Щукина", "Olga Shchukina", True),
        ("Саша Петров", "Aleksandr Petrov", True), ("김민수", "Kim Min-su", True), ("김민수", "Minsoo Kim", True),
        ("박지성", "Park Ji-sung", True), ("이영희", "Lee Young-hee", True), ("최민", "Choi Min", True),
        ("Γιώργος Παπαδόπουλος", "Giorgos Papadopoulos", True), ("John Smith Jr.", "John Smith Sr.", False),
        ("John Smith Junior", "John Smith", True), ("Henry Ford II", "Henry Ford III", False), ("José García", "Jose Garcia", True),
        ("Anna Meyer", "Berta Meyer", False), ("J. Smith", "John Smith", True), ("J. Smith", "Mary Smith", False),
        ("Sr. García", "Garcia", True), ("Alex Stone", "Alexandra Stone", True), ("Bill Stone", "Bob Stone", False),
    ],
)  # fmt: skip
def test_names_in_many_forms(left: str, right: str, same: bool) -> None:
    assert one(left, right) == same


@given(st.text(max_size=30), st.text(max_size=30))
@settings(max_examples=100, deadline=None)
def test_agreement_is_mutual_and_keys_depend_on_no_order(left: str, right: str) -> None:
    assert one(left, right) == one(right, left)
    assert name_key(left, right).split() == sorted(name_key(left, right).split())
    clean_name(left), clean_email(left), clean_phone(left, "DE"), clean_city(left)


def test_the_native_script_is_kept_beside() -> None:
    assert parse_name("Ольга", "Щукина").native == "ольга щукина"
    assert parse_name("Müller").native is None
    assert parse_name("Prof. Dr. Kim").titles == ("prof", "dr")
    assert parse_name("Frau Herr").key == "frau herr"


@pytest.mark.parametrize("text", ["test", "Test Test", "asdf", "xxx", "-", "12345", "n/a"])
def test_words_that_name_nobody(text: str) -> None:
    assert clean_name(text).value is None


@pytest.mark.requirement("R-088")
@pytest.mark.parametrize(
    ("text", "value", "flags", "suggestion"),
    [
        ("a@gmial.com", "a@gmial.com", ("typo",), "a@gmail.com"),
        ("a@gmail.con", "a@gmail.con", ("typo",), "a@gmail.com"),
        ("a@hotmial.co.uk", "a@hotmial.co.uk", ("typo",), "a@hotmail.co.uk"),
        ("a@shop.con", "a@shop.con", ("typo",), "a@shop.com"),
        ("a@gmx.at", "a@gmx.at", (), None), ("a@mail.com", "a@mail.com", (), None), ("A.B@Web.de ", "a.b@web.de", (), None),
        ("info@haus.de", "info@haus.de", ("role",), None), ("x.y@mailinator.com", "x.y@mailinator.com", ("disposable",), None),
        ("none@none.com", None, ("junk",), None), ("test@test.com", None, ("junk",), None),
        ("no@email", None, ("syntax",), None), ("a..b@web.de", None, ("syntax",), None), ("@web.de", None, ("syntax",), None),
        ("test@gmail.com", "test@gmail.com", ("test",), None), ("müller@bücher.de", "müller@bücher.de", (), None),
        ("anna@company.com", "anna@company.com", (), None), ("john.doe@example.com", None, ("junk",), None), ("anna@example.com", "anna@example.com", ("reserved",), None),
    ],
)  # fmt: skip
def test_addresses(text: str, value: str | None, flags: tuple[str, ...], suggestion: str | None) -> None:
    verdict = clean_email(text)
    assert (verdict.value, verdict.flags, verdict.suggestion) == (value, flags, suggestion)


def test_where_mail_goes_is_not_what_is_compared() -> None:
    assert clean_email("Anna.Lee+x@gmail.com").value == "anna.lee+x@gmail.com"
    assert comparison_key("anna.lee+x@gmail.com") == comparison_key("annalee@googlemail.com")


@pytest.mark.requirement("R-088")
@pytest.mark.parametrize(
    ("text", "country", "value"),
    [
        ("+49 171 2345678", None, "+491712345678"), ("0171-2345678", "DE", "+491712345678"), ("0044 20 7946 0958", None, "+442079460958"),
        ("(202) 555-0143", "US", "+12025550143"), ("8 (912) 345-67-89", "RU", "+79123456789"), ("06 12 34 56 78", "FR", "+33612345678"),
        ("0000000", "DE", None), ("1234567", "DE", None), ("+49 111111111", None, None), ("abc", "DE", None), ("12", "DE", None),
        ("0171 2345678", None, "01712345678"),
    ],
)  # fmt: skip
def test_numbers(text: str, country: str | None, value: str | None) -> None:
    assert clean_phone(text, country).value == value


@pytest.mark.requirement("R-087")
@pytest.mark.parametrize(
    ("text", "country", "place"),
    [
        ("St Petersbrg", "RU", "ru-saint-petersburg"), ("St Petersbrg", None, "ru-saint-petersburg"),
        ("St. Petersburg", "US", "us-st-petersburg-fl"), ("Санкт-Петербург", None, "ru-saint-petersburg"),
        ("Sankt Poelten", "AT", "at-sankt-polten"), ("MUNCHEN", "DE", "de-munich"), ("80331 München", "DE", "de-munich"),
        ("Frankfurt/Main", "DE", "de-frankfurt-am-main"), ("Barcelna", None, "es-barcelona"), ("Bonn", "DE", "de-bonn"),
        ("Bon", "DE", None), ("Hintertupfing", "DE", None), ("test", "DE", None), ("Paris (15e)", "FR", "fr-paris"),
    ],
)  # fmt: skip
def test_cities(text: str, country: str | None, place: str | None) -> None:
    assert clean_city(text, country).place == place


def test_every_city_finds_itself() -> None:
    ids = set[str]()
    for names in own_gazetteer()._names.values():
        for city, name in names.values():
            found = clean_city(name, city.country)
            assert found.place is not None
            ids.add(city.id)
    assert len(ids) > 700


def test_a_dump_of_geonames_is_read() -> None:
    row = "2950159\tBerlin\tBerlin\tBerlino,Берлин\t52.5\t13.4\tP\tPPLC\tDE\t\t16\t00\t11000\t11000000\t3426354\t\t74\tEurope/Berlin\t2022"
    found = geonames([row]).clean("Берлин")
    assert (found.value, found.place, found.confidence) == ("Берлин", "geonames-2950159", 1.0)
