"""A file nobody has described gets a mapping that loads, with reasons, and questions where it is unsure."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest
from proposing import NOW, accepted_plan, data_file, loaded, proposed, question, targets, written
from sqlglot import exp

from butfor.ingest.propose import Proposal, apply_answer, propose
from butfor.ingest.rows import UNIT, WHOLE
from butfor.ingest.sniff import sniff
from butfor.model import BadInput
from butfor.plan import check
from butfor.plan.kinds import Column
from butfor.simulate import Shop, ShopSettings, simulate_shop
from butfor.store import named, select

FILES = {
    "till": "till.csv.gz", "webshop": "webshop.jsonl", "loyalty": "loyalty.csv", "crm": "crm.csv",
    "email_events": "email_events.jsonl", "web": "web.parquet",
}  # fmt: skip


@cache
def shop() -> Shop:
    return simulate_shop(ShopSettings(people=300))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return shop().write(tmp_path_factory.mktemp("shop"))


@named("test.all_accounts")
def all_accounts() -> exp.Expression:
    return select("account", ["account_key"])


# --- the retailer that everybody tries first --------------------------------------------------------


@pytest.fixture(scope="module")
def retail() -> Proposal:
    return proposed(data_file("online_retail_uci/online_retail.csv.gz"))


@pytest.mark.requirement("R-076")
def test_receipt_lines_are_mapped(retail: Proposal) -> None:
    source = retail.source
    assert (source.connector, source.grain, source.event) == ("csv", "order_line", "order_completed")
    assert (source.read.separator, source.read.dates, source.account) == (",", ["iso"], "CustomerID")
    assert source.columns == {
        "InvoiceNo": "event.order_id", "StockCode": "product.product_id", "Description": "product.name",
        "Quantity": "product.quantity", "InvoiceDate": "time", "UnitPrice": "product.price",
        "CustomerID": Column(to="id.customer_id", clean="whole_number"), "Country": "event.country",
    }  # fmt: skip
    assert (source.time_zone, source.returns.when) == ("Europe/London", "negative_either")
    assert (retail.clock, retail.currency, retail.new_terms) == ("data", "GBP", [])
    assert min(retail.confidence.values()) >= 0.9


@pytest.mark.requirement("R-183")
def test_what_the_file_cannot_tell_is_asked(retail: Proposal) -> None:
    asked = {q.key: q for q in retail.questions}
    assert list(asked) == ["customer_key", "returns", "time_zone", "currency"]
    assert "starts with 'C'" in asked["returns"].text
    assert (asked["time_zone"].answer, asked["currency"].answer) == ("Europe/London", "GBP")
    assert (retail.identity_primary, retail.identity_ranked) == ("customer_id", [])


@pytest.mark.requirement("R-076")
def test_the_proposal_loads_every_line_and_penny(retail: Proposal, tmp_path: Path) -> None:
    file = data_file("online_retail_uci/online_retail.csv.gz")
    done, _, _ = loaded(tmp_path, file, retail)
    assert (done.read, done.accepted, done.accounts) == (541_909, 541_909, 4_372)
    assert round(done.value, 2) == Decimal("9747747.93")
    assert sum(done.events.values()) == 25_900


# --- a shop whose truth is known --------------------------------------------------------------------


@pytest.mark.requirement("R-077", "R-078", "R-079")
@pytest.mark.parametrize("name", FILES)
def test_each_file_of_a_shop_loads_as_proposed(files: dict[str, Path], tmp_path: Path, name: str) -> None:
    proposal = proposed(files[name], name)
    done, plan, _ = loaded(tmp_path, files[name], proposal)
    assert done.read > 0
    assert done.accepted >= 0.99 * done.read, done.reasons
    assert not done.unplanned
    assert [p for p in check(plan) if p.level == "error"] == []


@pytest.mark.requirement("R-183")
def test_accounts_are_the_true_ones(files: dict[str, Path], tmp_path: Path) -> None:
    truth = shop().accounts().to_pylist()
    for name in FILES:
        _, _, lake = loaded(tmp_path / name, files[name], proposed(files[name], name))
        found = set(lake.fetch(all_accounts())["account_key"].to_pylist())
        # A card in the programme need not have been used at the till yet.
        true = {t["key"] for t in truth if t["source"] == name}
        assert found <= true if name == "till" else found == true


def test_money_of_a_shop_is_the_truth(files: dict[str, Path], tmp_path: Path) -> None:
    total = Decimal(0)
    for name in ("till", "webshop"):
        total += loaded(tmp_path / name, files[name], proposed(files[name], name))[0].value
    assert total * 100 == sum(shop().truth["spend_cents"].to_pylist())


@pytest.mark.requirement("R-076")
def test_orders_that_were_taken_back_as_a_whole_are_returns(files: dict[str, Path], tmp_path: Path) -> None:
    orders = [json.loads(line) for line in files["webshop"].read_text().splitlines()]
    done, _, _ = loaded(tmp_path, files["webshop"], proposed(files["webshop"], "webshop"))
    assert done.events["order_refunded"] == sum(float(o["total"]) < 0 for o in orders) > 0


def test_events_of_people_and_messages_are_counted_in_full(files: dict[str, Path], tmp_path: Path) -> None:
    def events(name: str) -> dict[str, int]:
        return loaded(tmp_path / name, files[name], proposed(files[name], name))[0].events

    mails = [json.loads(line)["type"] for line in files["email_events"].read_text().splitlines()]
    assert sum(events("email_events").values()) == len(mails)
    assert events("crm") == {"registered": shop().records.table.num_rows}
    cards = shop().truth["card_no"]
    assert events("loyalty") == {"loyalty_joined": len(cards) - cards.null_count}


@pytest.mark.requirement("R-183")
def test_the_account_is_the_key_that_most_rows_have(files: dict[str, Path]) -> None:
    accounts = {name: proposed(path, name).source.account for name, path in files.items()}
    assert accounts == {
        "till": "card_no", "webshop": "customer_id", "loyalty": "card_no", "crm": "customer_id",
        "email_events": "email", "web": "device_id",
    }  # fmt: skip
    keys = {name: proposed(path, name).source.key for name, path in files.items()}
    assert keys["web"] == ["event_id"]
    assert keys["email_events"] == ["message_id", "type"]
    assert keys["till"] == keys["crm"] == []


def test_a_zone_is_guessed_from_numbers_and_shops_and_not_asked_where_times_state_it(
    files: dict[str, Path],
) -> None:
    for name in ("till", "crm", "loyalty"):
        assert question(proposed(files[name], name), "time_zone") == "Europe/Berlin"
    for name in ("webshop", "email_events", "web"):
        assert question(proposed(files[name], name), "time_zone") is None
    assert question(proposed(files["webshop"], "webshop"), "currency") is None


@pytest.mark.requirement("R-192")
def test_notes_about_people_are_not_loaded(files: dict[str, Path]) -> None:
    proposal = proposed(files["crm"], "crm")
    assert proposal.source.columns["note"] == "ignore"
    assert "not loaded until a term says" in proposal.because["note"]


# --- other people's files ----------------------------------------------------------------------------


@pytest.mark.requirement("R-192")
@pytest.mark.parametrize(
    "column", ["religion", "health_status", "Passwort", "Bemerkung", "credit_card_number", "комментарий"]
)
def test_sensitive_columns_are_ignored_and_say_so(tmp_path: Path, column: str) -> None:
    text = f"customer_id,email,{column}\n" + "".join(f"{i},p{i}@b.de,x{i}\n" for i in range(9))
    proposal = proposed(written(tmp_path, text))
    assert targets(proposal) == {"customer_id": "id.customer_id", "email": "id.email", column: "ignore"}
    assert "something personal" in proposal.because[column]


LINES = [
    "B1|02.01.2026|A1|Tee|2|5|K1|C1",
    "B1|02.01.2026|A2|Kanne|1|30|K1|C1",
    "B2|13.01.2026|A1|Tee|-1|5|K2|C2",
    "B3|14.01.2026|A3|Tasse|4|8|K3|C1",
] * 3
HEADERS = {
    "German": (
        "Belegnummer|Belegdatum|Artikelnummer|Bezeichnung|Menge|Einzelpreis|Kundennummer|Filiale",
        "utf-8",
    ),
    "French": (
        "N° commande|Date commande|Référence|Désignation|Quantité|Prix unitaire|Numéro client|Magasin",
        "cp1252",
    ),
    "Spanish": (
        "Número pedido|Fecha pedido|Código artículo|Descripción|Cantidad|Precio unitario|Código cliente|Tienda",
        "utf-8",
    ),
    "Italian": (
        "Numero ordine|Data ordine|Codice articolo|Descrizione|Quantità|Prezzo unitario|Codice cliente|Negozio",
        "utf-8",
    ),
    "Russian": (
        "Номер заказа|Дата заказа|Артикул|Наименование|Количество|Цена|Код клиента|Магазин",
        "cp1251",
    ),
    "Korean": ("주문번호|주문일자|상품코드|상품명|수량|단가|고객번호|매장", "cp949"),
    "English": ("OrderNo|Order Date|SKU|Item Name|Qty|Price|ClientId|Branch", "utf-8"),
}


@pytest.mark.parametrize("language", HEADERS)
def test_receipts_in_seven_languages(tmp_path: Path, language: str) -> None:
    header, encoding = HEADERS[language]
    file = written(tmp_path, "\n".join([header, *LINES]) + "\n", encoding=encoding)
    proposal = proposed(file)
    assert list(targets(proposal).values()) == [
        "event.order_id", "time", "product.product_id", "product.name", "product.quantity", "product.price",
        "id.customer_id", "event.store",
    ]  # fmt: skip
    done, _, _ = loaded(tmp_path, file, proposal)
    assert (done.accepted, done.value) == (12, 3 * (10 + 30 - 5 + 32))


def test_an_amount_that_grows_with_the_quantity_is_no_unit_price(tmp_path: Path) -> None:
    rows = [
        (f"R{i}", f"2026-01-{1 + i % 28:02}", f"A{i % 6}", 1 + i % 5, (1 + i % 5) * (3 + i % 6))
        for i in range(60)
    ]
    lines = [",".join(map(str, r)) + f",K{i % 20}\n" for i, r in enumerate(rows)] * 2
    file = written(tmp_path, "receipt,date,article,qty,price,customer\n" + "".join(lines))
    proposal = proposed(file)
    assert question(proposal, "money") == WHOLE
    assert targets(proposal)["price"] == "event.total"
    assert proposal.confidence["price"] <= 0.4
    unit = apply_answer(proposal, "money", UNIT)
    assert (unit.source.grain, targets(unit)["price"]) == ("order_line", "product.price")
    assert question(unit, "money") is None


def test_answers_change_what_depends_on_them(retail: Proposal) -> None:
    zoned = apply_answer(retail, "time_zone", "Europe/Berlin")
    assert zoned.source.time_zone == "Europe/Berlin"
    assert retail.newest is not None
    assert zoned.newest == retail.newest - timedelta(hours=1)
    both = apply_answer(zoned, "returns", "never")
    assert (both.source.time_zone, both.source.returns.when) == ("Europe/Berlin", "never")
    assert apply_answer(retail, "currency", "EUR").currency == "EUR"
    assert retail.source.time_zone == "Europe/London"


def test_an_answer_that_is_none_is_refused(retail: Proposal) -> None:
    with pytest.raises(BadInput, match=r"did you mean Europe/Berlin"):
        apply_answer(retail, "time_zone", "Europe/Berln")
    with pytest.raises(BadInput, match=r"customer_key|time_zone"):
        apply_answer(retail, "timezone", "UTC")


def test_day_and_month_are_asked_when_no_date_tells(tmp_path: Path) -> None:
    text = "order,date,amount,customer\n" + "".join(
        f"{i},0{1 + i % 9}/0{1 + i % 7}/2026,5.50,K{i % 3}\n" for i in range(20)
    )
    proposal = proposed(written(tmp_path, text))
    assert (question(proposal, "dates"), proposal.source.read.dates) == ("day first", ["%d/%m/%Y"])
    assert apply_answer(proposal, "dates", "month first").source.read.dates == ["%m/%d/%Y"]


def test_the_customer_key_can_be_another_column(files: dict[str, Path], tmp_path: Path) -> None:
    proposal = apply_answer(proposed(files["webshop"], "webshop"), "customer_key", "email")
    assert (proposal.source.account, targets(proposal)["customer_id"]) == ("email", "id.customer_id")
    assert loaded(tmp_path, files["webshop"], proposal)[0].quarantined == 0


def test_a_file_with_a_time_but_no_known_event_gets_an_event_of_its_own(tmp_path: Path) -> None:
    text = "household_id,voucher,redeemed_on\n" + "".join(
        f"{i % 7},V{i},2026-06-{1 + i % 28:02}\n" for i in range(40)
    )
    file = written(tmp_path, text, "redemptions.csv")
    proposal = proposed(file)
    assert (proposal.source.event, [t.id for t in proposal.new_terms]) == ("redemptions", ["redemptions"])
    assert loaded(tmp_path, file, proposal)[0].events == {"redemptions": 40}


def test_values_that_name_no_event_are_asked_about(tmp_path: Path) -> None:
    kinds = ["open", "click", "delivered", "spamreport"]
    rows = [
        {"email": f"p{i}@b.de", "event": kinds[i % 4], "timestamp": "2026-06-01T10:00:00Z"} for i in range(40)
    ]
    proposal = proposed(written(tmp_path, "".join(json.dumps(r) + "\n" for r in rows), "mail.jsonl"))
    text = next(q.text for q in proposal.questions if q.key == "events")
    assert "spamreport" in text
    assert "25 % of the rows" in text


def test_a_list_of_products_is_nobodys_attributes(tmp_path: Path) -> None:
    text = "product_id,brand,size\n" + "".join(f"{i},b{i % 3},{i} g\n" for i in range(30))
    proposal = proposed(written(tmp_path, text))
    assert set(targets(proposal).values()) == {"ignore"}
    assert question(proposal, "rows") == "one person"


def test_a_people_list_whose_addresses_have_gaps_takes_the_row_number_that_has_none(tmp_path: Path) -> None:
    text = "unique_id,first_name,email\n" + "".join(
        f"{i},Ann,{f'a{i}@b.de' if i % 3 else ''}\n" for i in range(30)
    )
    file = written(tmp_path, text)
    proposal = proposed(file)
    assert (proposal.source.account, targets(proposal)["unique_id"]) == ("unique_id", "id.customer_id")
    assert loaded(tmp_path, file, proposal)[0].accepted == 30


def test_the_clock_is_that_of_the_data_when_they_are_old(files: dict[str, Path]) -> None:
    sample = sniff(str(files["till"]))
    assert propose(sample, "till", NOW).clock == "now"
    assert propose(sample, "till", datetime(2028, 1, 1)).clock == "data"


@pytest.mark.requirement("R-193")
def test_a_randomised_campaign_without_customer_numbers_keeps_every_column(tmp_path: Path) -> None:
    file = data_file("hillstrom/hillstrom.csv.gz")
    proposal = proposed(file)
    assert (proposal.source.grain, proposal.source.account) == ("person", "row_number")
    assert "ignore" not in targets(proposal).values()
    done, plan, _ = loaded(tmp_path, file, proposal)
    assert (done.read, done.accepted, done.accounts) == (64_000, 64_000, 64_000)
    assert [p for p in check(plan) if p.level == "error"] == []
    assert {t.uses.target for t in proposal.new_terms if t.uses} == {"deny"}


def test_a_table_of_blanks_is_purchases_with_totals() -> None:
    proposal = proposed(data_file("cdnow/CDNOW_master.txt.gz"))
    source = proposal.source
    assert (source.read.separator, source.read.dates, source.grain) == (" ", ["%Y%m%d"], "event")
    assert targets(proposal) == {
        "customer_id": "id.customer_id", "date": "time", "number_of_cds": "ignore", "dollar_value": "event.total",
    }  # fmt: skip
    assert (proposal.currency, proposal.clock, question(proposal, "order_key")) == ("USD", "data", "none")


def test_names_of_new_terms_do_not_take_those_of_the_plan(tmp_path: Path) -> None:
    text = "address_1,address_2,spend,recency\n" + "".join(
        f"a{i % 4},b{i % 3},{i}.5,{i % 9}\n" for i in range(40)
    )
    proposal = proposed(written(tmp_path, text, "panel.csv"))
    assert [t.id for t in proposal.new_terms] == ["address", "address_2", "panel_spend", "panel_recency"]
    plan = accepted_plan(tmp_path / "trial", proposal)
    assert [p for p in check(plan) if p.level == "error"] == []


def test_a_shop_systems_export_with_one_row_per_line(tmp_path: Path) -> None:
    header = "Name,Email,Paid at,Currency,Subtotal,Total,Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku,Notes\n"
    first = "#10{0},a{0}@b.de,2026-05-{0} 10:00:00 +0200,EUR,19.00,24.00,2026-05-{0} 09:59:00 +0200,1,Tea,9.00,T1,\n"
    second = "#10{0},a{0}@b.de,,,,,2026-05-{0} 09:59:00 +0200,2,Cup,5.00,C1,\n"
    file = written(tmp_path, header + "".join((first + second).format(i) for i in range(10, 30)))
    proposal = proposed(file)
    assert (targets(proposal)["Name"], targets(proposal)["Created at"]) == ("event.order_id", "time")
    done, _, _ = loaded(tmp_path, file, proposal)
    assert (done.accepted, done.events["order_completed"], done.value) == (40, 20, 20 * (9 + 2 * 5))
    assert proposal.newest == datetime(2026, 5, 29, 7, 59)


@pytest.mark.parametrize("amount", ["€ 1.234,50", "1,234.50", "12.50 €", "£3.00"])
def test_money_that_cannot_be_read_is_asked_about(tmp_path: Path, amount: str) -> None:
    text = "order_id;order_date;customer_id;total\n" + "".join(
        f"{i};2026-06-01;K{i % 5};{amount}\n" for i in range(20)
    )
    asked = next(q for q in proposed(written(tmp_path, text)).questions if q.key == "money")
    assert amount in asked.text


def test_events_without_a_readable_time_say_so(tmp_path: Path) -> None:
    rows = [{"email": f"p{i}@b.de", "event": "open", "timestamp": 1_780_000_000 + i} for i in range(20)]
    proposal = proposed(written(tmp_path, "".join(json.dumps(r) + "\n" for r in rows), "mail.jsonl"))
    assert "counts from 1970" in next(q.text for q in proposal.questions if q.key == "time")


def test_of_two_columns_for_one_place_the_surer_is_kept(tmp_path: Path) -> None:
    text = "order_id,order_date,customer_id,total,total_amount\n" + "".join(
        f"{i},2026-06-01,K{i % 5},{i}.50,1.00\n" for i in range(20)
    )
    used = [to for to in targets(proposed(written(tmp_path, text))).values() if to != "ignore"]
    assert len(used) == len(set(used))
