"""The dry-run channel: messages are written to a file, once per key, instead of being sent."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from butfor.model import BadDefinition, StoreError


class Message(msgspec.Struct, frozen=True):
    """A rendered message for one address; ``key`` is the same whenever the same message is handed over."""

    key: str
    address: str
    subject: str
    body: str


class Receipt(msgspec.Struct, frozen=True):
    """How many messages a channel took, and how many it had taken before."""

    taken: int
    repeated: int
    where: str


class DryRun:
    """Appends messages to ``outbox/CAMPAIGN.jsonl`` in the workspace's data folder."""

    def __init__(self, folder: Path, campaign: str) -> None:
        self._path = folder / "outbox" / f"{campaign}.jsonl"

    def send(self, messages: Iterable[Message]) -> Receipt:
        """Write the messages that are not there yet, in one replacement of the file.

        Raises StoreError when the disk refuses; then the file is as it was.
        """
        given = list(messages)
        try:
            return self._replace(given)
        except OSError as error:
            raise StoreError(
                f"outbox {self._path.name}", value=str(error),
                rule="an outbox is written whole or not at all; the messages from before are as they were",
                next_step="free some disk space and check the folder's permissions, then run the same command again",
            ) from error  # fmt: skip

    def _replace(self, given: list[Message]) -> Receipt:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        old = self._path.read_bytes() if self._path.exists() else b""
        known = {msgspec.json.decode(line)["key"] for line in old.splitlines()}
        new = {m.key: m for m in given if m.key not in known}
        # A kill in the middle must leave either the old file or the whole new one.
        part = self._path.with_suffix(".part")
        part.write_bytes(old + b"".join(msgspec.json.encode(m) + b"\n" for m in new.values()))
        part.replace(self._path)
        return Receipt(len(new), len(given) - len(new), str(self._path))


def channel(name: str, folder: Path, campaign: str) -> DryRun:
    """Return the channel of that name; raise BadDefinition when there is none."""
    if name != "dry_run":
        raise BadDefinition(
            f"campaign {campaign}: channel", value=name, rule="a campaign is sent over a channel that exists",
            next_step="the channel of this version is dry_run",
        )  # fmt: skip
    return DryRun(folder, campaign)
