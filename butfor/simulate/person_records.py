"""Person records at scale whose truth is known: a fifth are second records of somebody, written down differently.

Rates are chosen so that e-mail alone finds 45 % of the true pairs, and e-mail or phone 67 %, as in the
measurements of docs/adr/0007-linkage.md.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from butfor.simulate.text import Array, blank, choose, day_text, digits, glue, number, pick

DUPLICATES = 0.2
MISSING = {"email": 0.21, "phone": 0.26, "birth_date": 0.25, "city": 0.03}
CHANGED = {"email": 0.2, "phone": 0.2, "city": 0.12}
SLIPS = {"given_name": 0.22, "surname": 0.2, "email": 0.08, "phone": 0.06, "birth_date": 0.1, "city": 0.05}
SHORTENED, SWAPPED, HOUSEHOLD = 0.1, 0.05, 0.03
JUNK_EMAILS = ("none@none.com", "test@test.com", "noemail@shop.example", "a@a.com")
JUNK_PHONES = ("0800000000", "0301234567", "0900111222")
JUNK_RATES = {"email": 0.007, "phone": 0.011}
_DOMAINS = ("gmail.com", "outlook.com", "yahoo.com", "icloud.com", "gmx.net", "proton.me")
_ONSETS = (
    "b",
    "br",
    "c",
    "ch",
    "d",
    "f",
    "g",
    "h",
    "j",
    "k",
    "l",
    "m",
    "n",
    "p",
    "r",
    "s",
    "st",
    "t",
    "v",
    "w",
)
_VOWELS = ("a", "e", "i", "o", "u", "ei", "ou")
_CODAS = ("", "n", "r", "l", "s", "m", "rd", "ck")
_WIDTH = 40


def simulate_person_records(records: int = 1_000_000, seed: int = 7, *, poison: bool = False) -> pa.Table:
    """Return ``records`` rows in random order: record_id, the fields, and the true ``person``, a number.

    With ``poison`` 0.7 % of e-mails and 1.1 % of phones are one of a few values that staff type in.
    """
    rng = np.random.default_rng(seed)
    persons = records - int(records * DUPLICATES)
    owner = rng.permutation(np.concatenate([np.arange(persons), rng.integers(0, persons, records - persons)]))
    again = _second(owner)
    people = _people(rng, persons)
    fields = {name: column.take(pa.array(owner)) for name, column in people.items()}
    fields = _written_again(rng, fields, again)
    for name, share in MISSING.items():
        fields[name] = blank(fields[name], rng.random(records) < share)
    if poison:
        for name, junk in (("email", JUNK_EMAILS), ("phone", JUNK_PHONES)):
            hit = rng.random(records) < JUNK_RATES[name]
            fields[name] = choose(hit, fields[name], pick(junk, rng.integers(0, len(junk), records)))
    return pa.table({"record_id": glue("r", number(rng.permutation(records))), **fields, "person": owner})


def _second(owner: Array) -> Array:
    """Say which rows are not the first of their owner."""
    first = np.zeros(owner.size, bool)
    first[np.unique(owner, return_index=True)[1]] = True
    return ~first


def _people(rng: np.random.Generator, n: int) -> dict[str, pa.Array]:
    given, last = _zipf(rng, 2_000, n), _zipf(rng, 20_000, n)
    city, phone = _zipf(rng, 3_000, n), rng.integers(10**8, 10**9, n)
    pairs = rng.permutation(n)[: 2 * int(n * HOUSEHOLD / 2)].reshape(2, -1)
    for shared in (last, city, phone):
        shared[pairs[1]] = shared[pairs[0]]
    words = {"given": _words(2_000, 2, 11), "last": _words(20_000, 3, 12), "city": _words(3_000, 3, 13)}
    first_name, surname = pick(words["given"], given), pick(words["last"], last)
    return {
        "given_name": first_name,
        "surname": surname,
        "birth_date": day_text(rng.integers(-10_950, 13_500, n)),
        "email": _address(rng, first_name, surname),
        "phone": digits(phone, 10),
        "city": pick(words["city"], city),
    }


def _zipf(rng: np.random.Generator, size: int, n: int) -> Array:
    """Draw ranks whose frequency falls like 1 / (rank + 10)."""
    weight = 1.0 / (np.arange(size) + 10.0)
    return np.searchsorted(np.cumsum(weight) / weight.sum(), rng.random(n)).astype(np.int64)


def _words(count: int, syllables: int, seed: int) -> list[str]:
    """Make distinct words that can be spoken."""
    rng = np.random.default_rng(seed)
    made: dict[str, None] = {}
    while len(made) < count:
        parts = [rng.choice(kind, (count, syllables)) for kind in (_ONSETS, _VOWELS, _CODAS)]
        made |= dict.fromkeys(
            "".join("".join(s) for s in zip(*row, strict=True)) for row in zip(*parts, strict=True)
        )
    return list(made)[:count]


def _address(rng: np.random.Generator, given: pa.Array, last: pa.Array) -> pa.Array:
    n = len(given)
    initial = pc.utf8_slice_codeunits(given, 0, 1)
    number_text = number(rng.integers(1, 10_000, n))
    style = rng.integers(0, 3, n)
    local = choose(
        style, glue(given, ".", last, number_text), glue(initial, last, number_text), glue(last, number_text)
    )
    return glue(local, "@", pick(_DOMAINS, rng.integers(0, len(_DOMAINS), n)))


def _written_again(
    rng: np.random.Generator, fields: dict[str, pa.Array], again: Array
) -> dict[str, pa.Array]:
    """Write second records as another clerk would: other addresses, short names, swapped fields, slips of the keys."""
    n = again.size
    hit = {name: again & (rng.random(n) < share) for name, share in CHANGED.items()}
    other = {
        "email": _address(rng, fields["given_name"], fields["surname"]),
        "phone": digits(rng.integers(10**8, 10**9, n), 10),
        "city": fields["city"].take(pa.array(rng.permutation(n))),
    }
    made = fields | {name: choose(hit[name], fields[name], other[name]) for name in CHANGED}
    short = again & (rng.random(n) < SHORTENED)
    made["given_name"] = choose(short, made["given_name"], pc.utf8_slice_codeunits(made["given_name"], 0, 3))
    for name, share in SLIPS.items():
        made[name] = _slipped(rng, made[name], np.flatnonzero(again & (rng.random(n) < share)))
    swap = again & (rng.random(n) < SWAPPED)
    given, last = made["given_name"], made["surname"]
    return made | {"given_name": choose(swap, given, last), "surname": choose(swap, last, given)}


def _slipped(rng: np.random.Generator, column: pa.Array, rows: Array) -> pa.Array:
    """Replace, drop, double or swap one letter at a random place in each of ``rows``; a digit becomes a digit."""
    words = np.array(column.take(pa.array(rows)).to_pylist(), f"S{_WIDTH}")
    text = words.view(np.uint8).reshape(rows.size, _WIDTH)
    length = np.char.str_len(words)
    at = (rng.random(rows.size) * np.maximum(length - 1, 1)).astype(np.int64)
    kind, line = rng.integers(0, 4, rows.size), np.arange(rows.size)
    # Where each letter of the new word comes from.
    source = np.tile(np.arange(_WIDTH), (rows.size, 1))
    source += ((kind == 1)[:, None] & (source >= at[:, None])).astype(np.int64)
    source -= ((kind == 2)[:, None] & (source > at[:, None])).astype(np.int64)
    swap = kind == 3
    source[line[swap], at[swap]], source[line[swap], at[swap] + 1] = at[swap] + 1, at[swap]
    made = np.take_along_axis(text, np.minimum(source, _WIDTH - 1), axis=1)
    letter = np.where(
        (text[line, at] >= 48) & (text[line, at] <= 57),
        rng.integers(48, 58, rows.size),
        rng.integers(97, 123, rows.size),
    )
    made[line[kind == 0], at[kind == 0]] = letter[kind == 0]
    slipped = pa.array(made.astype(np.uint8).view(f"S{_WIDTH}").ravel().astype(str))
    mask = np.zeros(len(column), bool)
    mask[rows] = True
    return pc.replace_with_mask(column, pa.array(mask), slipped)
