"""Records of any source in one shape: normalised texts, keys and a canonical order, made by one SQL statement per step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from butfor.model import BadInput
from butfor.store.linker import LinkBench

NAME_ROLES = ("given_name", "surname", "full_name")
ROLES = (
    *NAME_ROLES, "birth_date", "birth_year", "email", "phone", "national_id", "address", "postcode", "city",
)  # fmt: skip
"""Roles with a meaning of their own; any other role is a trait, such as gender or occupation, compared as text."""

Roles = Mapping[str, str | Sequence[str]]
"""Which columns play which role; several columns of one role are read as one text."""

# What people and systems write where they know nothing.
_NOTHING = (
    "", "none", "null", "nan", "na", "n a", "unknown", "unbekannt", "not known", "anonymous", "anonym", "guest",
    "test", "undefined", "keine angabe", "xxx",
)  # fmt: skip
_BETWEEN_WORDS = r"[^\p{L}\p{N}]+"
_TITLES = "mr|mrs|ms|miss|dr|prof|professor|sir|dame|lord|lady|rev|herr|frau|esq|jr|sr"
_PLACEHOLDER_DATES = ("19000101", "11111111", "99991231")


def put_records(bench: LinkBench, records: pa.Table, roles: Roles, *, key: str, source: str | None) -> None:
    """Make the table ``person``: one row per record, numbered ``i`` by its content, with the columns that comparisons use.

    The number depends on no order of rows: equal input gives equal numbers. Raises BadInput where a column is
    missing or ``key`` is not unique.
    """
    _check(records, roles, key, source)
    bench.put("given_records", records)
    columns = [*_names(roles), *_dates(roles), *_contacts(roles), *_places(roles), *_traits(roles)]
    origin = f"CAST({_q(source)} AS VARCHAR)" if source else "''"
    bench.make(
        "shaped",
        f"SELECT CAST({_q(key)} AS VARCHAR) AS record, {origin} AS origin, {', '.join(columns)} FROM given_records",
    )
    bench.forget("given_records")
    bench.make("named_records", _with_name_parts(has_name(roles), "email" in roles))
    bench.forget("shaped")
    names = [c for c in bench.columns("named_records") if c != "record"]
    bench.make(
        "numbered",
        f"SELECT row_number() OVER (ORDER BY {', '.join([*names, 'record'])}) - 1 AS i, * FROM named_records",
    )


def has_name(roles: Roles) -> bool:
    """Say whether any column names a person."""
    return any(role in roles for role in NAME_ROLES)


def traits(roles: Roles) -> list[str]:
    """Return the roles that are compared as plain text."""
    return [role for role in roles if role not in ROLES]


def _check(records: pa.Table, roles: Roles, key: str, source: str | None) -> None:
    wanted = [key, *([source] if source else []), *[c for role in roles for c in _columns(roles, role)]]
    for column in wanted:
        if column not in records.column_names:
            raise BadInput(
                "records",
                value=column,
                rule="every column that a role names is in the table",
                next_step=f"columns are {', '.join(records.column_names)}",
            )
    if len(records[key].unique()) != len(records) or records[key].null_count:
        raise BadInput(
            "records", value=key, rule="the key is unique and never empty", next_step="name another column"
        )


def _columns(roles: Roles, role: str) -> list[str]:
    given = roles.get(role, [])
    return [given] if isinstance(given, str) else list(given)


def _q(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _raw(roles: Roles, role: str) -> str:
    parts = [f"CAST({_q(c)} AS VARCHAR)" for c in _columns(roles, role)]
    return parts[0] if len(parts) == 1 else f"concat_ws(' ', {', '.join(parts)})"


def _text(expression: str) -> str:
    """Lower case without accents or punctuation, single spaces, NULL where it says nothing."""
    plain = f"trim(regexp_replace(lower(strip_accents({expression})), '{_BETWEEN_WORDS}', ' ', 'g'))"
    nothing = ", ".join(f"'{word}'" for word in _NOTHING)
    return f"(SELECT CASE WHEN t IN ({nothing}) THEN NULL ELSE t END FROM (SELECT {plain} AS t))"


def _names(roles: Roles) -> list[str]:
    return [
        f"{_text(_raw(roles, role)) if role in roles else 'CAST(NULL AS VARCHAR)'} AS raw_{role}"
        for role in NAME_ROLES
    ]


def _own_mailbox() -> str:
    """A mailbox that is made of its owner's name says what the name says already, unless a number tells it apart."""
    plain = "replace(replace(replace({}, 'ae', 'a'), 'oe', 'o'), 'ue', 'u')"
    word = f"contains({plain.format('mailbox')}, {plain.format('w')})"
    named = f"len(list_filter(words, lambda w: len(w) >= 3 AND {word})) > 0"
    few = "len(regexp_replace(mailbox, '[^0-9]', '', 'g')) < 3"
    return f"CASE WHEN {named} AND {few} THEN NULL ELSE mailbox END AS mailbox"


def _with_name_parts(named: bool, mailbox: bool) -> str:
    """Words of the name; its first and last; sorted words, so that swapped fields agree; its rarest word."""
    raw = "raw_given_name, raw_surname, raw_full_name"
    if not named:
        return f"SELECT * EXCLUDE ({raw}) FROM shaped"
    whole = "coalesce(raw_full_name, nullif(concat_ws(' ', raw_given_name, raw_surname), ''))"
    own = f" REPLACE ({_own_mailbox()})" if mailbox else ""
    return f"""
    WITH split AS (
      SELECT *, list_filter(string_split({whole}, ' '), lambda w: NOT regexp_full_match(w, '{_TITLES}')) AS words FROM shaped
    ),
    often AS (SELECT w, count(*) AS n FROM (SELECT unnest(words) AS w FROM split) GROUP BY w),
    rarest AS (
      SELECT words, arg_min(w, (n, w)) AS rare
      FROM (SELECT words, unnest(words) AS w FROM (SELECT DISTINCT words FROM split)) JOIN often USING (w) GROUP BY words
    ),
    parts AS (
      SELECT *{own}, coalesce(raw_given_name, words[1]) AS given,
        CASE WHEN raw_surname IS NOT NULL THEN raw_surname
             WHEN raw_given_name IS NULL AND len(words) > 1 THEN words[-1] END AS family
      FROM split LEFT JOIN rarest USING (words)
    )
    SELECT * EXCLUDE ({raw}, words), nullif(array_to_string(list_sort(words), ' '), '') AS name,
      CASE WHEN given IS NOT NULL AND family IS NOT NULL
           THEN least(given, family) || ' ' || greatest(given, family) END AS pair
    FROM parts
    """


def _dates(roles: Roles) -> list[str]:
    if "birth_date" in roles:
        raw = _raw(roles, "birth_date")
        digits = f"regexp_replace({raw}, '[^0-9]', '', 'g')"
        day_first = f"regexp_full_match(trim({raw}), '[0-9]{{1,2}}[./-][0-9]{{1,2}}[./-][0-9]{{4}}.*')"
        turned = (
            f"regexp_extract({raw}, '([0-9]{{4}})', 1) || lpad(regexp_extract({raw}, '[./-]([0-9]{{1,2}})[./-]', 1), 2, '0')"
            f" || lpad(regexp_extract({raw}, '([0-9]{{1,2}})', 1), 2, '0')"
        )
        date = f"CASE WHEN {day_first} THEN {turned} ELSE left({digits}, 8) END"
    elif "birth_year" in roles:
        date = f"regexp_extract({_raw(roles, 'birth_year')}, '([0-9]{{4}})', 1)"
    else:
        return []
    known = f"CASE WHEN {date} IN {_PLACEHOLDER_DATES} OR len({date}) < 4 THEN NULL ELSE {date} END"
    return [
        f"{known} AS born",
        f"left({known}, 4) AS born_year",
        f"CASE WHEN len({known}) >= 8 THEN right({known}, 4) END AS born_day",
    ]


def _contacts(roles: Roles) -> list[str]:
    made = []
    if "email" in roles:
        mail = f"nullif(regexp_replace(lower({_raw(roles, 'email')}), '\\s', '', 'g'), '')"
        made += [f"{mail} AS email", f"nullif(split_part({mail}, '@', 1), '') AS mailbox"]
    if "phone" in roles:
        made.append(
            f"nullif(right(regexp_replace({_raw(roles, 'phone')}, '[^0-9]', '', 'g'), 9), '') AS phone"
        )
    if "national_id" in roles:
        made.append(f"replace({_text(_raw(roles, 'national_id'))}, ' ', '') AS national_id")
    return made


def _places(roles: Roles) -> list[str]:
    made = []
    if "address" in roles:
        made.append(f"{_text(_raw(roles, 'address'))} AS address")
    if "postcode" in roles:
        code = f"replace({_text(_raw(roles, 'postcode'))}, ' ', '')"
        made += [
            f"{code} AS postcode",
            f"left({code}, greatest(len({code}) - 3, (len({code}) + 1) // 2)::INT) AS area",
        ]
    if "city" in roles:
        made.append(f"{_text(_raw(roles, 'city'))} AS city")
    return made


def _traits(roles: Roles) -> list[str]:
    return [f"{_text(_raw(roles, role))} AS {_q('trait_' + role)}" for role in traits(roles)]
