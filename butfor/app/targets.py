"""Where a list may go: a file, a table of a database, a webhook. Each takes a whole list, or what changed in it."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from butfor.channels.sync import BATCH, Post, hand_over, need_webhook, secret_bytes
from butfor.model import BadInput, StoreError
from butfor.store import write_sql_list

FULL, CHANGES = "full", "changes"
SECRET = "BUTFOR_WEBHOOK_SECRET"  # noqa: S105 - the name of a variable, not a secret


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """What is handed to a target: all people (``added``), or those who came (``added``) and went (``removed``).

    ``seal`` is the same when the same list is handed over again after a failure; ``number`` that of this export.
    """

    audience: str
    channel: str
    purpose: str
    mode: str
    membership_hash: str
    as_of: datetime
    number: int
    seal: str
    added: pa.Table
    removed: pa.Table


class Target(Protocol):
    """Takes parcels; ``name`` is written down, so that a later sync finds the target again."""

    name: str

    def deliver(self, parcel: Parcel) -> str:
        """Hand a parcel over and return where it is now; raise StoreError when it was not taken."""


class FileTarget:
    """A CSV or Parquet file. A list replaces it; changes go to files of their own beside it, so that none is lost unread."""

    def __init__(self, path: Path) -> None:
        self._path, self.name = path, str(path)

    def deliver(self, parcel: Parcel) -> str:
        """Write the file whole or not at all."""
        path, rows = self._path, parcel.added
        if parcel.mode == CHANGES:
            path = path.with_name(f"{path.stem}.changes-{parcel.number}{path.suffix}")
            rows = _changes(parcel)
        part = path.with_name(path.name + ".part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(rows, part, path.suffix)
            part.replace(path)
        except OSError as error:
            raise StoreError(
                f"file {path}", value=error.strerror or str(error), rule="a list is written whole or not at all; what was there is as it was",
                next_step="check disk space and permissions of the folder, then export again",
            ) from error  # fmt: skip
        finally:
            part.unlink(missing_ok=True)
        return str(path)


class SqlTarget:
    """A table of a database: after a list or changes it holds exactly the people who may be exported."""

    def __init__(self, name: str, url: str, table: str) -> None:
        self.name, self._url, self._table = name, url, table

    def deliver(self, parcel: Parcel) -> str:
        """Write in one transaction."""
        gone = parcel.removed["person_id"].to_pylist() if parcel.mode == CHANGES else None
        held = write_sql_list(self._url, self._table, parcel.added, "person_id", gone)
        return f"table {self._table}, which holds {held:,} people now"


class WebhookTarget:
    """A system that takes JSON over HTTPS, 1,000 people at a time."""

    def __init__(
        self, url: str, secret: bytes | None, now: Callable[[], datetime], post: Post | None = None,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:  # fmt: skip
        self.name, self._secret, self._now, self._post, self._wait = url, secret, now, post, wait

    def deliver(self, parcel: Parcel) -> str:
        """Post every batch in order; those taken before a failure are known to the receiver by their keys."""
        n = tries = 0
        for key, body in _batches(parcel):
            n += 1
            tries += hand_over(self.name, body, key, self._secret, self._now, self._post, self._wait)
        signed = "signed" if self._secret else f"not signed: {SECRET} is not set"
        return f"{n} batches in {tries} requests, {signed}"


def target_of(
    to: str, now: Callable[[], datetime], post: Post | None = None, wait: Any = time.sleep
) -> Target:
    """Return the target that a text names: ``FILE.csv``, ``FILE.parquet``, ``sql:URL#table`` or ``https://...``.

    Raises BadInput for anything else, and for an address that holds a password.
    """
    if to.startswith("sql:"):
        return _sql(to)
    if "://" in to:
        need_webhook(to)
        secret = os.environ.get(SECRET)
        return WebhookTarget(to, secret_bytes(secret) if secret else None, now, post, wait)
    if Path(to).suffix not in (".csv", ".parquet"):
        raise BadInput(
            "target", value=to, rule="a list goes to a .csv or .parquet file, to sql:URL#table, or to https://...",
            next_step=f"--to {Path(to).stem or 'people'}.csv",
        )  # fmt: skip
    return FileTarget(Path(to).resolve())


def _sql(to: str) -> SqlTarget:
    url, _, table = to.removeprefix("sql:").rpartition("#")
    found = os.environ.get(url.removeprefix("env:"), "") if url.startswith("env:") else url
    if not table or not found:
        raise BadInput(
            "target", value=to if not table else url, rule="a table is written as sql:URL#table, or sql:env:NAME#table with the URL in a variable",
            next_step="such as sql:sqlite:///lists.db#win_back",
        )  # fmt: skip
    if "@" in url and ":" in url.rpartition("@")[0].rpartition("//")[2]:
        raise BadInput(
            "target", value="a URL with a password", rule="targets are written down, so they hold no password",
            next_step=f"put the URL into a variable, and write sql:env:NAME#{table}",
        )  # fmt: skip
    return SqlTarget(to, found, table)


def _changes(parcel: Parcel) -> pa.Table:
    """Return who went and who came, in this order: of a changed address the old one goes first."""
    parts = [
        t.add_column(0, "change", pa.array([word] * t.num_rows, pa.string()))
        for word, t in (("removed", parcel.removed), ("added", parcel.added))
    ]
    return pa.concat_tables(parts, promote_options="default").select(["change", *parcel.added.column_names])


def _write(rows: pa.Table, path: Path, suffix: str) -> None:
    if suffix == ".parquet":
        pyarrow.parquet.write_table(rows, path)
    else:
        pyarrow.csv.write_csv(_exact(rows), path)


def _exact(rows: pa.Table) -> pa.Table:
    """Return rows whose decimals are text, so that every digit stays as it is."""
    for i, field in enumerate(rows.schema):
        if pa.types.is_decimal(field.type):
            rows = rows.set_column(i, field.name, pc.cast(rows[field.name], pa.string()))
    return rows


def _batches(parcel: Parcel) -> Iterator[tuple[str, bytes]]:
    """Yield each batch with its idempotency key; an empty list is one empty batch, which says that nobody is in it."""
    parts = (
        {"all": parcel.added} if parcel.mode == FULL else {"removed": parcel.removed, "added": parcel.added}
    )
    cut = [
        (part, rows.slice(i, BATCH).to_pylist())
        for part, rows in parts.items()
        for i in range(0, max(rows.num_rows, parcel.mode == FULL), BATCH)
    ]
    for number, (part, people) in enumerate(cut, 1):
        listed = msgspec.json.encode(people, enc_hook=str)
        told = f"{parcel.seal}\x1f{part}\x1f{number}\x1f".encode() + listed
        head = {
            "audience": parcel.audience, "channel": parcel.channel, "purpose": parcel.purpose, "mode": parcel.mode,
            "membership_hash": parcel.membership_hash, "as_of": parcel.as_of, "part": part, "number": number,
            "of": len(cut), "people": msgspec.Raw(listed),
        }  # fmt: skip
        yield hashlib.sha256(told).hexdigest(), msgspec.json.encode(head)
