"""Read a simulated shop's files back with nothing but the standard library."""

import csv
import gzip
import json
from collections import defaultdict


def till_rows(path):
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter=";"))


def json_rows(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def till_cents(row):
    return int(row["qty"]) * int(row["unit_price"].replace(",", ""))


def order_cents(order):
    return sum(round(p["price"] * 100) * p["quantity"] for p in order["products"])


def cents_by_person(till, webshop, owner):
    """Sum what two files say per person; anonymous receipts count under None."""
    spent = defaultdict(int)
    for row in till:
        spent[owner[("till", row["card_no"])] if row["card_no"] else None] += till_cents(row)
    for order in webshop:
        spent[owner[("webshop", order["customer_id"])]] += order_cents(order)
    return spent
