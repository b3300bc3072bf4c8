"""Columns of text, built a whole column at a time with Arrow; no Python loop over rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Array = npt.NDArray[Any]
CHUNK = 250_000
"""Rows of a file that are written at once."""


def pick(words: Sequence[str], index: Array) -> pa.Array:
    """Return ``words[index]`` as a text column of the length of ``index``."""
    return pa.array(list(words), pa.string()).take(pa.array(index))


def glue(*parts: Any) -> pa.Array:
    """Join columns and constants row by row; a null part makes the row null."""
    return pc.binary_join_element_wise(*parts, "")


def number(values: Array) -> pa.Array:
    """Write whole numbers as text."""
    return pc.cast(pa.array(values), pa.string())


def digits(values: Array, width: int) -> pa.Array:
    """Write whole numbers as text of ``width`` digits, padded with zeros."""
    return pc.utf8_lpad(number(values), width, "0")


def scrambled(index: Array, width: int, key: int) -> pa.Array:
    """Write distinct indices below 10**width as distinct numbers of ``width`` digits in no visible order.

    ``key`` must have no factor in common with 10; each kind of number has its own, so that the numbers of
    one person in two systems tell nothing about each other.
    """
    return digits((index.astype(np.int64) + 1_000_003) * key % 10**width, width)


def money(cents: Array, point: str) -> pa.Array:
    """Write signed cents as units with two decimals after ``point``."""
    size = np.abs(cents.astype(np.int64))
    sign = pick(("", "-"), (cents < 0).astype(np.int8))
    return glue(sign, number(size // 100), point, digits(size % 100, 2))


def stamp(seconds: Array, pattern: str) -> pa.Array:
    """Write seconds since 1970 by a strftime pattern, taking them as they are (no zone)."""
    return pc.strftime(pa.array(seconds.astype(np.int64), pa.timestamp("s")), format=pattern)


def day_text(days: Array) -> pa.Array:
    """Write days since 1970 as yyyy-mm-dd."""
    return stamp(days.astype(np.int64) * 86_400, "%Y-%m-%d")


def choose(which: Array, *columns: pa.Array) -> pa.Array:
    """Take row i from ``columns[which[i]]``."""
    return pc.choose(pa.array(which.astype(np.int64)), *columns)


def blank(column: pa.Array, gone: Array) -> pa.Array:
    """Replace the rows where ``gone`` by null."""
    return pc.if_else(pa.array(~gone), column, pa.scalar(None, pa.string()))


def filled(column: pa.Array) -> pa.Array:
    """Replace nulls by the empty text, as flat files do."""
    return pc.fill_null(column, "")


def json_text(column: pa.Array) -> pa.Array:
    """Quote a column for JSON, null as ``null``; the words of a shop hold nothing to escape."""
    return pc.fill_null(glue('"', column, '"'), "null")


def ranks(column: pa.Array) -> Array:
    """Count earlier rows with the same text: 0 for the first, 1 for the second..."""
    codes = column.dictionary_encode().indices.to_numpy()
    order = np.argsort(codes, kind="stable")
    run = codes[order]
    first = np.flatnonzero(np.diff(run, prepend=-1))
    out = np.empty(codes.size, np.int64)
    out[order] = np.arange(codes.size) - np.repeat(first, np.diff(first, append=codes.size))
    return out


def slipped(column: pa.Array, slip: Array) -> pa.Array:
    """Write a column with slips: 0 none, 1 third letter lost, 2 second and third swapped, 3 third doubled."""
    rows = np.flatnonzero(slip)
    if rows.size == 0:
        return column
    part = column.take(pa.array(rows))
    a, b, c = (pc.utf8_slice_codeunits(part, i, i + 1) for i in range(3))
    rest = pc.utf8_slice_codeunits(part, 3)
    wrong = choose(slip[rows] - 1, glue(a, b, rest), glue(a, c, b, rest), glue(a, b, c, c, rest))
    return pc.replace_with_mask(column, pa.array(slip > 0), wrong)


def grouped(owner: Array, values: pa.Array, size: int) -> pa.Array:
    """Collect values by owner: a list column of ``size`` rows, values in their given order."""
    order = np.argsort(owner, kind="stable")
    offsets = np.searchsorted(owner[order], np.arange(size + 1))
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), values.take(pa.array(order)))


def slices(size: int, chunk: int = CHUNK) -> Iterator[slice]:
    """Cut ``range(size)`` into runs of ``chunk``."""
    return (slice(at, min(at + chunk, size)) for at in range(0, size, chunk))


def write_lines(file: IO[bytes], header: str, parts: Iterable[pa.Array], encoding: str = "utf-8") -> None:
    """Write a header and then text columns whose rows end in a newline."""
    file.write(header.encode(encoding))
    for lines in parts:
        data = _bytes(lines)
        file.write(data if encoding == "utf-8" else data.decode().encode(encoding))


def _bytes(lines: pa.Array) -> bytes:
    offsets = np.frombuffer(lines.buffers()[1], np.int32)[lines.offset : lines.offset + len(lines) + 1]
    return bytes(memoryview(lines.buffers()[2])[offsets[0] : offsets[-1]])
