"""Which id each person keeps: a function of the people found and of where their accounts were at home first.

An account's home is the id of the person it was first part of, and never changes. So a merge that is withdrawn
gives both people their own ids back, and a split leaves an id with the part that holds most verified accounts of that home.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime

import msgspec

_SPLIT = uuid.UUID("7a1f6f0e-6a3c-5b0e-9a55-3d0f2c6b8e11")
_LATEST = datetime.max
# Given names, those that are homes.
Lent = Callable[[Sequence[str]], Collection[str]]


class Member(msgspec.Struct, frozen=True, gc=False):
    """An account as far as ids go: its home (None when it is new), its verified values, when it was first seen."""

    account: str
    home: str | None = None
    verified: int = 0
    first: datetime | None = None


class Named(msgspec.Struct, frozen=True):
    """The person id and the home of every account."""

    person: dict[str, str]
    home: dict[str, str]


def person_ids(
    parts: Sequence[frozenset[str]], members: Mapping[str, Member], lent: Lent = lambda names: ()
) -> Named:
    """Return the person id and the home of every account of these parts; all parts that share a home must be among them.

    An account that joins others is at home where the first of them is, and counts there at once: naming the same parts
    again gives the same names. Each home goes to the part with most verified accounts of it; a part that won several
    keeps the oldest, and one that lost all is called after a hash of its first account. ``lent`` says which of some
    names are homes of anybody: nobody new is called by them.
    """
    members = dict(members)
    new: dict[int, str] = {}
    for i, part in enumerate(parts):
        homed = min((a for a in part if members[a].home), default=None)
        if homed is None:
            new[i] = min(part)
        else:
            _settle(part, members[homed].home, members)
    for i, name in _unlent(new, lent).items():
        _settle(parts[i], name, members)
    won: dict[int, list[str]] = {}
    for home, among in sorted(_claimants(parts, members).items()):
        won.setdefault(min(among, key=lambda i: _claim(parts[i], home, members)), []).append(home)
    names = {i: min(homes, key=lambda h: _age(parts[i], h, members)) for i, homes in won.items()}
    names |= {i: _next(min(part)) for i, part in enumerate(parts) if i not in won}
    inside = [(a, names[i]) for i, part in enumerate(parts) for a in part]
    return Named(dict(inside), {a: members[a].home or name for a, name in inside})


def _settle(part: frozenset[str], home: str | None, members: dict[str, Member]) -> None:
    for account in part:
        if members[account].home is None:
            members[account] = msgspec.structs.replace(members[account], home=home)


def _unlent(names: dict[int, str], lent: Lent) -> dict[int, str]:
    """Call new people after their first account, and where that name is lent to others after a hash of it."""
    while taken := set(lent([*names.values()]) if names else ()):
        names = {i: _next(n) if n in taken else n for i, n in names.items()}
    return names


def _claimants(parts: Sequence[frozenset[str]], members: Mapping[str, Member]) -> dict[str, list[int]]:
    """Return for each home the parts that hold accounts of it."""
    out: dict[str, list[int]] = {}
    for i, part in enumerate(parts):
        for home in sorted({h for a in part if (h := members[a].home)}):
            out.setdefault(home, []).append(i)
    return out


def _claim(part: frozenset[str], home: str, members: Mapping[str, Member]) -> tuple[int, int, bool, str]:
    """Return what sorts the strongest claim first; between equals the first account decides."""
    mine = [members[a] for a in part if members[a].home == home]
    return -sum(m.verified > 0 for m in mine), -len(mine), home not in part, min(part)


def _age(part: frozenset[str], home: str, members: Mapping[str, Member]) -> tuple[datetime, str]:
    return min(members[a].first or _LATEST for a in part if members[a].home == home), home


def _next(name: str) -> str:
    return str(uuid.uuid5(_SPLIT, name))
