"""Deliveries that cannot be used: each says what, its value, the rule and the next step, and loses nothing."""

from __future__ import annotations

import gzip
import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from shops import HEADER, TILL, changed, counts, shop, till_file, write

from butfor.model import BadInput
from butfor.plan.kinds import Reading

LINES = [f"r{i},2026-01-05 10:00:00,c{i},mug,1,5" for i in range(2000)]


def missing(folder: Path) -> str:
    return str(folder / "goo.csv")


def folder_itself(folder: Path) -> str:
    (folder / "inbox").mkdir()
    till_file(folder / "inbox" / "monday.csv", LINES)
    return str(folder / "inbox")


def semicolons(folder: Path) -> str:
    return write(folder / "d.csv", [line.replace(",", ";") for line in [HEADER, *LINES]])


def no_price(folder: Path) -> str:
    return write(folder / "d.csv", [line.rpartition(",")[0] for line in [HEADER, *LINES]])


def renamed_price(folder: Path) -> str:
    return write(folder / "d.csv", [HEADER.replace("price", "prices"), *LINES])


def words_for_money(folder: Path) -> str:
    return till_file(folder / "d.csv", [line.rpartition(",")[0] + ",EUR five" for line in LINES])


def cut_gz(folder: Path, keep: float = 0.5, encoding: str = "utf-8") -> str:
    random.seed(1)
    lines = "\n".join([HEADER, *random.sample(LINES, len(LINES))])
    packed = gzip.compress(lines.encode(encoding))
    (folder / "d.csv.gz").write_bytes(packed[: int(len(packed) * keep)])
    return str(folder / "d.csv.gz")


def no_gz(folder: Path) -> str:
    return write(folder / "d.csv.gz", [HEADER, *LINES])


def binary(folder: Path) -> str:
    (folder / "d.csv").write_bytes(random.Random(3).randbytes(9000))
    return str(folder / "d.csv")


def nul_bytes(folder: Path) -> str:
    (folder / "d.csv").write_bytes(bytes(9000))
    return str(folder / "d.csv")


def open_quote(folder: Path) -> str:
    return till_file(folder / "d.csv", [LINES[0], '"' + LINES[1], *LINES[2:]])


def two_alike(folder: Path) -> str:
    return write(folder / "d.csv", [HEADER + ",Price", *(line + ",6" for line in LINES)])


def text_as(name: str) -> Callable[[Path], str]:
    return lambda folder: write(folder / name, [HEADER, *LINES])


def broken_json(folder: Path) -> str:
    return write(folder / "d.jsonl", [json.dumps({"receipt": line})[:-1] for line in LINES])


CASES: list[tuple[Callable[[Path], str], dict[str, Any], str, str, str, str]] = [
    # what is delivered, how the source reads it, and words of: thing, value, rule, next step
    (missing, {}, "file", "goo.csv", "exists", "did you mean good.csv"),
    (folder_itself, {}, "file", "inbox", "one file", "monday.csv"),
    (semicolons, {}, "d.csv: separator", ",", "separated by", "';'"),
    (lambda f: write(f / "d.csv", []), {}, "d.csv", "0 bytes", "at least a header", "again"),
    (lambda f: write(f / "d.csv", [HEADER]), {}, "d.csv", "0 rows", "at least one row", "again"),
    (no_price, {}, "d.csv: missing column", "price", "source till maps it", "plan/sources/till.yaml"),
    (renamed_price, {}, "d.csv: missing column", "price", "source till maps it", "did you mean prices"),
    (words_for_money, {}, "d.csv: column price", "EUR five", "price is no money", "plan/sources/till.yaml"),
    (cut_gz, {}, "d.csv.gz", "", "first to its last row|whole", "complete|again"),
    (lambda f: cut_gz(f, 0.01), {}, "d.csv.gz", "", "whole", "again"),
    (lambda f: cut_gz(f, 0.5, "utf-16"), {"encoding": "utf-16"}, "d.csv.gz", "", "whole", "again"),
    (no_gz, {}, "d.csv.gz", "", "whole", "no gzip file"),
    (binary, {}, "d.csv", "", "text in utf-8", "read.encoding"),
    (nul_bytes, {}, "d.csv", "", "", ""),
    (open_quote, {}, "d.csv line 3", '"r1', "a quote that opens is closed", "close or double"),
    (two_alike, {}, "d.csv: columns", "price, Price", "a name of its own", "read.names"),
    (text_as("d.csv"), {"encoding": "utf-99"}, "read.encoding", "utf-99", "Python knows", "utf-8"),
    (text_as("d.csv"), {"encoding": "utf-16"}, "d.csv", "", "utf-16", "read.encoding"),
    (text_as("d.parquet"), {"connector": "parquet"}, "d.parquet", "", "can be read", "connector's kind"),
    (text_as("d.xlsx"), {"connector": "excel"}, "d.xlsx", "", "Excel workbook", ".xlsx"),
    (broken_json, {"connector": "jsonl"}, "d.jsonl", "", "", ""),
]


@pytest.mark.parametrize("case", CASES, ids=lambda c: getattr(c[0], "__name__", "case"))
def test_a_delivery_that_cannot_be_used_says_so_and_loses_nothing(case: Any, tmp_path: Path) -> None:
    deliver, reading, thing, value, rule, step = case
    with shop(tmp_path, TILL) as ws:
        ws.load("till", till_file(tmp_path / "good.csv", LINES[:50]))
        before = counts(ws.lake)
        source = changed(TILL, connector=reading.pop("connector", "csv"), read=Reading(**reading))
        ws.plan.definitions["source", "till"] = source
        with pytest.raises(BadInput) as caught:
            ws.load("till", deliver(tmp_path))
        assert counts(ws.lake) == before
        check_parts(caught.value, thing, str(value), rule, step)
        assert [r["status"] for r in ws.hub.rows("load")] == ["done", "failed"]
        assert caught.value.rule in json.loads(ws.hub.rows("load")[1]["body"])["rule"]


def check_parts(error: BadInput, *wanted: str) -> None:
    said = (error.thing, str(error.value), error.rule, error.next_step)
    for part, words in zip(said, wanted, strict=True):
        assert part.strip() not in ("", "None"), said
        assert any(w in part for w in words.split("|")), (words, said)


def test_a_text_among_numbers_is_quarantined_and_the_rest_is_loaded(tmp_path: Path) -> None:
    with shop(tmp_path, TILL) as ws:
        done = ws.load(
            "till", till_file(tmp_path / "d.csv", [*LINES[:9], LINES[9].rpartition(",")[0] + ",five"])
        )
        assert (done.accepted, done.reasons) == (9, {"bad type: price is no money": 1})


def test_a_delivery_after_a_failed_one_is_loaded_whole(tmp_path: Path) -> None:
    with shop(tmp_path, TILL) as ws:
        with pytest.raises(BadInput):
            ws.load("till", open_quote(tmp_path))
        assert ws.load("till", till_file(tmp_path / "d.csv", LINES)).accepted == len(LINES)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read every file")
def test_a_file_that_may_not_be_read_says_so(tmp_path: Path) -> None:
    path = Path(till_file(tmp_path / "d.csv", LINES))
    path.chmod(0)
    with shop(tmp_path, TILL) as ws, pytest.raises(BadInput, match="file d"):
        ws.load("till", str(path))
