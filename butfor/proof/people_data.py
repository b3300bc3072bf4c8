"""Labelled records of people: where they are, which column plays which role, and who is truly who."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv
import pyarrow.parquet as parquet

from butfor.identity.link.prepare import Roles
from butfor.model import BadInput

_FEBRL: Roles = {
    "given_name": "given_name", "surname": "surname", "address": ["street_number", "address_1"], "city": "suburb",
    "postcode": "postcode", "state": "state", "birth_date": "date_of_birth", "national_id": "soc_sec_id",
}  # fmt: skip
_HISTORICAL: Roles = {
    "full_name": "full_name", "given_name": "first_name", "surname": "surname", "birth_date": "dob",
    "city": "birth_place", "postcode": "postcode_fake", "gender": "gender", "occupation": "occupation",
}  # fmt: skip
SIMULATED: Roles = {
    "given_name": "given_name", "surname": "surname", "birth_date": "birth_date", "email": "email", "phone": "phone",
    "city": "city",
}  # fmt: skip


class LabelledRecords(msgspec.Struct, frozen=True):
    """Records with the roles of their columns and, apart from them, the true person of each row."""

    records: pa.Table
    roles: Roles
    key: str
    truth: pa.Array
    source: str | None = None


def historical_50k(folder: Path) -> LabelledRecords:
    """Return 50,578 records of 5,156 historical people; birth date missing in 23 %, occupation in 50 %."""
    rows = parquet.read_table(_file(folder, "historical_figures_with_errors_50k.parquet"))
    return _labelled(rows, _HISTORICAL, "unique_id", "cluster")


def febrl_3(folder: Path) -> LabelledRecords:
    """Return 5,000 records in one file, 6,538 true pairs."""
    rows = _text(_file(folder, "dataset3.csv"))
    return LabelledRecords(rows, _FEBRL, "rec_id", _febrl_truth(rows))


def febrl_4(folder: Path) -> LabelledRecords:
    """Return two files of 5,000 records each, of the same people."""
    two = [_text(_file(folder, f"dataset4{x}.csv")) for x in "ab"]
    rows = pa.concat_tables(
        [t.append_column("file", pa.array([x] * len(t))) for t, x in zip(two, "ab", strict=True)]
    )
    return LabelledRecords(rows, _FEBRL, "rec_id", _febrl_truth(rows), source="file")


def fake_1000(folder: Path) -> LabelledRecords:
    """Return 1,000 records with name, birth date, city and e-mail, a fifth of each missing."""
    roles: Roles = {
        "given_name": "first_name", "surname": "surname", "birth_date": "dob", "city": "city", "email": "email",
    }  # fmt: skip
    return _labelled(_text(_file(folder, "fake_1000.csv")), roles, "unique_id", "cluster")


PUBLIC: dict[str, Callable[[Path], LabelledRecords]] = {
    "historical_50k": historical_50k,
    "febrl_3": febrl_3,
    "febrl_4": febrl_4,
    "fake_1000": fake_1000,
}
"""Public sets by name."""


def simulated(rows: pa.Table) -> LabelledRecords:
    """Return what ``simulate_person_records`` made."""
    return _labelled(rows, SIMULATED, "record_id", "person")


def _labelled(rows: pa.Table, roles: Roles, key: str, label: str) -> LabelledRecords:
    return LabelledRecords(rows.drop_columns([label]), roles, key, rows[label].combine_chunks())


def _febrl_truth(rows: pa.Table) -> pa.Array:
    return pc.list_element(pc.split_pattern(rows["rec_id"].combine_chunks(), "-"), 1)


def _text(path: Path) -> pa.Table:
    rows = csv.read_csv(path, convert_options=csv.ConvertOptions(strings_can_be_null=True))
    return pa.table(
        {n.strip(): pc.utf8_trim_whitespace(pc.cast(rows[n], pa.string())) for n in rows.column_names}
    )


def _file(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.is_file():
        raise BadInput(
            "--data", value=str(folder), rule=f"the folder holds {name}",
            next_step="docs/cases.md says where the public files can be had; --only picks other sets",
        )  # fmt: skip
    return path
