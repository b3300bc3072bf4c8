"""Turn the text of a cell into a typed value, as SQL that runs in the workbench.

Nothing is guessed here: separators, decimals and date forms were decided when the source was defined.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from butfor.plan.kinds import Column, Source

# What exports write when they mean nothing. A name that equals one of these is lost, which is rarer.
_NULL_WORDS = ("null", "none", "nan", "n/a", "na", "nil", "-", "\\n")
NULL_LIKE = (
    "",
    *(form for w in _NULL_WORDS for form in dict.fromkeys((w, w.upper(), w.capitalize()))),
    "NaN",
)


def ident(name: str) -> str:
    """Return a column name quoted for SQL."""
    return exp.to_identifier(name, quoted=True).sql(dialect="duckdb")


def text(value: str) -> str:
    """Return a string as a SQL literal."""
    return exp.Literal.string(value).sql(dialect="duckdb")


def filled(column: str) -> str:
    """Return the trimmed text of a column, NULL where it says nothing."""
    nulls = ", ".join(text(n) for n in NULL_LIKE)
    return f"CASE WHEN trim({column}) NOT IN ({nulls}) THEN trim({column}) END"


def cleaned(column: str, how: Column | None) -> str:
    """Return the cleaned text of a column: whole numbers, upper case, renamed values.

    Words that mean nothing are NULL, with blanks around them too.
    """
    # Only a padded cell can have escaped the reader's own list of such words; looking each up costs half a load.
    padded = f"starts_with({column}, ' ') OR ends_with({column}, ' ')"
    out = f"CASE WHEN {padded} THEN {filled(column)} ELSE {column} END"
    match how.clean if how else "none":
        case "whole_number":
            out = f"regexp_replace({out}, '\\.0+$', '')"
        case "upper":
            out = f"upper({out})"
    if how and how.values and how.to != "event":
        cases = " ".join(f"WHEN {text(k)} THEN {text(v)}" for k, v in how.values.items())
        out = f"CASE {out} {cases} ELSE {out} END"
    return out


def typed(value: str, kind: str, source: Source) -> str:
    """Return ``value`` (SQL of a text) as SQL of a logical type; NULL where it cannot be read."""
    match kind:
        case "integer":
            # A cast of 2.5 to an integer would round it; a number with a fraction is no integer.
            number = _number(value, source)
            return (
                f"CASE WHEN TRY_CAST({number} AS DECIMAL(38,9)) % 1 = 0 THEN TRY_CAST({number} AS BIGINT) END"
            )
        case "number":
            number = f"TRY_CAST({_number(value, source)} AS DOUBLE)"
            return f"CASE WHEN isfinite({number}) THEN {number} END"
        case "money":
            return f"TRY_CAST({_number(value, source)} AS DECIMAL(18,4))"
        case "boolean":
            return (
                f"CASE WHEN lower({value}) IN ('true','t','yes','y','1','ja','oui','si','sí') THEN true "
                f"WHEN lower({value}) IN ('false','f','no','n','0','nein','non') THEN false END"
            )
        case "date":
            return _between_years(f"CAST({moment(value, source, zoned=False)} AS DATE)", "DATE")
        case "timestamp":
            return _between_years(moment(value, source), "TIMESTAMP")
    return value


def _between_years(value: str, kind: str) -> str:
    # Engines know infinity, BC and the year 20026, and read 1/5/26 as the year 1; no calendar of a brand does.
    return f"CASE WHEN {value} BETWEEN {kind} '1000-01-01' AND {kind} '9999-12-31' THEN {value} END"


def moment(value: str, source: Source, *, zoned: bool = True) -> str:
    """Return SQL of a UTC timestamp from text in the source's date forms and time zone; NULL if in none of them."""
    forms = list(source.read.dates) or ["iso"]
    # Files with types of their own hold dates that are no text; they arrive in ISO form whatever else is in the column.
    if source.connector in ("excel", "parquet", "sql") and "iso" not in forms:
        forms.append("iso")
    tries = [
        _iso(value, source, zoned) if form == "iso" else _form(value, form, source, zoned) for form in forms
    ]
    return tries[0] if len(tries) == 1 else f"coalesce({', '.join(tries)})"


def _form(value: str, form: str, source: Source, zoned: bool) -> str:
    # A cast reads ISO forms 3 times as fast as strptime does and takes no others.
    if form in ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"):
        return _iso(value, source, zoned)
    parsed = f"try_strptime({value}, {text(form)})"
    if "%z" in form:
        return f"timezone('UTC', {parsed})" if zoned else f"CAST({parsed} AS TIMESTAMP)"
    return _utc(parsed, source.time_zone) if zoned else parsed


def _iso(value: str, source: Source, zoned: bool) -> str:
    # Text with an offset says its own zone; text without one is in the source's zone.
    own = f"regexp_matches({value}, '(Z|UTC|:[0-9.]+ ?[+-][0-9]{{2}}(:?[0-9]{{2}})?)$')"
    local = _between_years(f"TRY_CAST({value} AS TIMESTAMP)", "TIMESTAMP")
    if not zoned:
        return local
    offset = f"timezone('UTC', TRY_CAST({value} AS TIMESTAMPTZ))"
    return f"CASE WHEN {own} THEN {offset} ELSE {_utc(local, source.time_zone)} END"


def _utc(parsed: str, zone: str) -> str:
    return parsed if zone == "UTC" else f"timezone('UTC', timezone({text(zone)}, {parsed}))"


def _number(value: str, source: Source) -> str:
    if source.read.decimal == ".":
        return value
    # 1.50 among decimal commas is no 150: a dot counts as a mark of thousands only before three digits.
    plain = f"replace(regexp_replace({value}, '[ \u00a0\u202f]', '', 'g'), ',', '.')"
    grouped = f"replace(replace({value}, '.', ''), ',', '.')"
    return (
        f"CASE WHEN regexp_full_match({value}, '[+-]?[0-9]{{1,3}}([.][0-9]{{3}})+(,[0-9]*)?') THEN {grouped} "
        f"WHEN NOT contains({value}, '.') THEN {plain} END"
    )


def joined(columns: Sequence[str]) -> str:
    """Return SQL of one text that tells two rows of these columns apart (whose cells hold no control characters)."""
    return "concat_ws(chr(31), " + ", ".join(f"coalesce({c}, chr(30))" for c in columns) + ")"
