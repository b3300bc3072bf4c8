"""Read one YAML document: its plain data, the line of each dotted path, and the struct it describes."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.scalarbool import ScalarBoolean

from butfor.model import BadDefinition

T = TypeVar("T")
Lines = dict[str, int]
WIDTH = 110


def did_you_mean(name: str, names: list[str]) -> str:
    """Return a hint that names the closest of ``names``, or all of a few, or nothing."""
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    if close:
        return "did you mean " + " or ".join(close) + "?"
    return "there is: " + ", ".join(sorted(names)[:12]) if names else ""


def round_trip() -> YAML:
    """Return a YAML reader and writer that keeps comments, order and quotes."""
    yaml = YAML(typ="rt")
    yaml.default_flow_style = False
    yaml.width = WIDTH
    yaml.preserve_quotes = True
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def read_text(path: Path) -> str:
    """Return the text of a file; raise BadDefinition when it cannot be read or is not UTF-8."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadDefinition(
            path.name, value=str(error), rule="a definition is one YAML document in UTF-8", next_step="save it as UTF-8"
        ) from error  # fmt: skip
    except OSError as error:
        raise BadDefinition(
            path.name, value=error.strerror, rule="the files of a workspace can be read",
            next_step="check the permissions of the file and its folder",
        ) from error  # fmt: skip


def read_yaml(path: Path) -> tuple[dict[str, Any], Lines]:
    """Return a document as plain data and the line of each dotted path in it; raise BadDefinition."""
    data = load_yaml(path.name, read_text(path))
    try:
        return plain(data), dict(_line_numbers(data, ""))
    except RecursionError as error:
        raise _too_deep(path.name) from error


def load_yaml(name: str, text: str) -> CommentedMap:
    """Return a document as YAML nodes; raise BadDefinition that says where the syntax is wrong."""
    try:
        data = round_trip().load(text)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise BadDefinition(
            f"{name} line {line}",
            value=(error.problem or error.context or "").split("\n")[0],
            rule="a definition is one YAML document",
            next_step="correct the syntax near that line (often a missing quote, colon or indent)",
        ) from error
    except YAMLError as error:
        raise BadDefinition(
            name, value=str(error), rule="a definition is one YAML document in UTF-8", next_step="save it as UTF-8"
        ) from error  # fmt: skip
    except RecursionError as error:
        raise _too_deep(name) from error
    if not isinstance(data, CommentedMap):
        raise BadDefinition(
            name,
            value=data,
            rule="a definition is a mapping that starts with kind and id",
            next_step="write 'kind: ...' and 'id: ...' first, or remove the file",
        )
    return data


def _too_deep(name: str) -> BadDefinition:
    return BadDefinition(
        name, value="nested too deeply", rule="a definition does not contain itself",
        next_step="remove the alias (*name) that stands inside its own anchor (&name), or flatten the lists",
    )  # fmt: skip


def _line_numbers(node: Any, prefix: str) -> Iterator[tuple[str, int]]:
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in items:
        path = f"{prefix}.{key}" if prefix else str(key)
        at = node.lc.data.get(key) if hasattr(node, "lc") and node.lc.data else None
        if at:
            yield path, at[0] + 1
        if isinstance(value, (dict, list)):
            yield from _line_numbers(value, path)


def plain(node: Any) -> Any:
    """Return YAML nodes as plain dicts, lists and scalars; keys become texts."""
    if isinstance(node, dict):
        return {str(k): plain(v) for k, v in node.items()}
    if isinstance(node, list):
        return [plain(v) for v in node]
    if isinstance(node, ScalarBoolean):
        return bool(node)
    for kind in (bool, int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return node


def typed(data: dict[str, Any], kind: type[T], file: str, lines: Lines) -> T:
    """Return data as a struct; raise BadDefinition that names line and field, and what was probably meant."""
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$")
        unknown = _quoted(r"unknown field `(\w+)`", what)
        path, expected, value = _blamed(data, kind, where.rstrip("`"), unknown)
        field = ".".join(filter(None, (path, unknown)))
        at = f"{file} line {_line(lines, field)}" + (f": {path}" if path else "")
        raise BadDefinition(
            at,
            value=what,
            rule="every field of a definition has a name and a type (butfor schema prints them)",
            next_step=_remedy(what, unknown, expected, value) or "correct the field, then run butfor check",
        ) from error


def _quoted(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    return found.group(1) if found else ""


def _line(lines: Lines, path: str) -> int:
    while path and path not in lines:
        path = path.rpartition(".")[0]
    return lines.get(path, 1)


def _remedy(what: str, unknown: str, expected: list[Any], value: Any) -> str:
    """Return the next step for a message of msgspec about a value that should be one of ``expected``."""
    missing = _quoted(r"missing required field `(\w+)`", what)
    if missing:
        return f"add {missing}: to it"
    if unknown:
        return did_you_mean(unknown, [name for kind in expected for name in _fields(kind)])
    choices = [str(c) for kind in expected if get_origin(kind) is Literal for c in get_args(kind)]
    return did_you_mean(str(value), choices)


def _blamed(data: Any, kind: Any, where: str, unknown: str) -> tuple[str, list[Any], Any]:
    """Return the dotted path, the types allowed and the value of what msgspec complains about.

    msgspec writes ``[...]`` for any key of a mapping, so every key is tried and the first faulty one is taken.
    """
    found: list[tuple[str, Any]] = [("", data)]
    expected = list(_alternatives(kind))
    for name, index, _ in re.findall(r"\.(\w+)|\[(\d+)\]|(\[\.\.\.\])", where):
        found = [child for parent in found for child in _children(parent, name or index)]
        expected = [each for inner in expected for each in _within(inner, name)]
    faulty = [
        (path, value)
        for path, value in found
        if (unknown in value if unknown and isinstance(value, dict) else not _fits(value, expected))
    ]
    path, value = (faulty or found or [("", None)])[0]
    return path, expected, value


def _children(parent: tuple[str, Any], step: str) -> Iterator[tuple[str, Any]]:
    path, node = parent
    if isinstance(node, (dict, list)):
        items = node.items() if isinstance(node, dict) else enumerate(node)
        for key, value in items:
            if step in ("", str(key)):
                yield f"{path}.{key}" if path else str(key), value


def _alternatives(kind: Any) -> Iterator[Any]:
    if get_origin(kind) is Annotated:
        yield from _alternatives(get_args(kind)[0])
    elif isinstance(kind, UnionType) or get_origin(kind) is Union:
        for each in get_args(kind):
            yield from _alternatives(each)
    else:
        yield kind


def _within(kind: Any, field: str) -> Iterator[Any]:
    """Yield the types of a field of a struct, or of the items of a list or mapping."""
    inner = _fields(kind).get(field) if field else None
    if inner is None and get_origin(kind) in (dict, list):
        inner = get_args(kind)[-1]
    if inner is not None:
        yield from _alternatives(inner)


def _fields(kind: Any) -> dict[str, Any]:
    if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return {}
    return {field.encode_name: field.type for field in msgspec.structs.fields(kind)}


def _fits(value: Any, expected: list[Any]) -> bool:
    for kind in expected:
        try:
            msgspec.convert(value, kind)
        except msgspec.ValidationError:
            continue
        return True
    return False
