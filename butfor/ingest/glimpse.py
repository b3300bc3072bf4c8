"""The head and the end of a text file, decoded: which bytes, in which encoding."""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import IO, cast

from charset_normalizer import from_bytes
from msgspec import Struct

from butfor.model import BadInput

HEAD = 2 << 20
TAIL = 256 << 10
# How far to look for the first letter beyond ASCII and for the end, in decompressed bytes; well under a second.
REACH = 96 << 20
_CHUNK = 4 << 20
_PAGES = ["cp1252", "cp1250", "cp1251", "koi8_r", "cp949"]


class Glimpse(Struct, frozen=True):
    """The decoded head and end of a text file; ``tail`` is empty when the head is the whole file.

    ``marked`` says that it begins with a byte order mark.
    """

    head: str
    tail: str
    encoding: str
    marked: bool


class _Bytes(Struct, frozen=True):
    head: bytes
    tail: bytes
    foreign: bytes


def glimpse(file: Path) -> Glimpse:
    """Return the head and the end of a text file (also .gz); raise BadInput when it is not text."""
    try:
        seen = _survey(file)
    except (OSError, EOFError, zlib.error) as error:
        raise BadInput(
            f"file {file.name}", value=str(error), rule="the file can be read and, if compressed, unpacked",
            next_step="copy it again; it may have been cut short",
        ) from error  # fmt: skip
    encoding, marked = _encoding(seen, file)
    head = _decoded(seen.head, "utf-8-sig" if marked and encoding == "utf-8" else encoding)
    return Glimpse(head, _end(seen, encoding), encoding, marked)


def _survey(file: Path) -> _Bytes:
    with _opened(file) as raw:
        head = raw.read(HEAD)
        if len(head) < HEAD:
            return _Bytes(head, b"", b"" if head.isascii() else head)
        foreign, tail = b"" if head.isascii() else head, b""
        for chunk in _chunks(raw, file):
            foreign = foreign or (b"" if chunk.isascii() else _around(chunk))
            tail = (tail + chunk)[-TAIL:]
    return _Bytes(head, tail, foreign)


def _opened(file: Path) -> IO[bytes]:
    with file.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
    return cast(IO[bytes], gzip.open(file)) if packed else file.open("rb")


def _chunks(raw: IO[bytes], file: Path) -> Iterator[bytes]:
    """Yield what follows the head as far as it is quick; of a big plain file, its end as well."""
    read = 0
    while read < REACH and (chunk := raw.read(_CHUNK)):
        read += len(chunk)
        yield chunk
    if read >= REACH and not isinstance(raw, gzip.GzipFile):
        raw.seek(max(raw.tell(), file.stat().st_size - TAIL))
        yield raw.read()


def _around(chunk: bytes) -> bytes:
    """Return the piece of a chunk around its first byte beyond ASCII."""
    at = next(i for i, byte in enumerate(chunk) if byte > 127)
    start = chunk.rfind(b"\n", 0, at) + 1
    return chunk[start : at + (64 << 10)]


def _encoding(seen: _Bytes, file: Path) -> tuple[str, bool]:
    if seen.head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16", True
    if b"\x00" in seen.head[:4096]:
        raise BadInput(
            f"file {file.name}", value="bytes that are no text", rule="a .csv, .txt, .tsv or .jsonl file is text",
            next_step="give it the ending of its kind (.parquet, .xlsx), or export it as CSV",
        )  # fmt: skip
    marked = seen.head.startswith(codecs.BOM_UTF8)
    if all(_is_utf8(part) for part in (seen.head, seen.foreign)):
        return "utf-8", marked
    return _code_page(seen.foreign), False


def _is_utf8(data: bytes) -> bool:
    """Say whether bytes are UTF-8; a character cut in two at the end is no fault."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data)
    except UnicodeDecodeError:
        return False
    return True


def _code_page(data: bytes) -> str:
    # Only lines that hold the letters in question say anything about them.
    lines = b"\n".join(line for line in data.split(b"\n") if not line.isascii())[: 64 << 10]
    found = [match.encoding for match in from_bytes(lines, cp_isolation=_PAGES)]
    if not found:
        return "cp1252"
    if found[0] in ("cp1250", "cp1252"):
        return min(("cp1252", "cp1250"), key=lambda page: _odd(_decoded(lines, page)))
    return found[0]


def _odd(text: str) -> int:
    """Count the signs (not letters) that stand inside words, as wrongly read letters do."""
    return sum((_sign(a) and b.isalpha()) or (a.isalpha() and _sign(b)) for a, b in pairwise(text))


def _sign(char: str) -> bool:
    return (ord(char) > 127 and not char.isalpha()) or char in "ºª"


def _decoded(data: bytes, encoding: str) -> str:
    # A wrong byte far down is the loader's to refuse; here the rest can still be looked at.
    return codecs.getincrementaldecoder(encoding)("replace").decode(data)


def _end(seen: _Bytes, encoding: str) -> str:
    """Return the end of the file from its first whole line on."""
    if encoding == "utf-16":
        return ""
    _, _, whole = seen.tail.partition(b"\n")
    return _decoded(whole, encoding)
