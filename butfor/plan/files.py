"""Read a workspace folder into a plan, and write definitions back without losing comments or order."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from butfor.model import BadDefinition, ButforError
from butfor.plan.kinds import FOLDERS, KINDS, Definition, Workspace, to_builtins

FILE = "butfor.yaml"
VERSION = 1

D = TypeVar("D", bound=Definition)


class Problem(msgspec.Struct, frozen=True):
    """One finding about a definition: where it is, what is wrong, why that matters, what to do."""

    level: Literal["error", "warning"]
    code: str
    file: str
    line: int
    what: str
    why: str
    next: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.level} {self.code}: {self.what}\n    why:  {self.why}\n    next: {self.next}"


class Place(msgspec.Struct, frozen=True):
    """Where a definition stands: its file, and the line of each dotted path in it."""

    file: str
    lines: dict[str, int]

    def line(self, path: str = "") -> int:
        """Return the line of ``path``, or of its nearest ancestor that has one."""
        while path and path not in self.lines:
            path = path.rpartition(".")[0]
        return self.lines.get(path, 1)


class Plan(msgspec.Struct, frozen=True):
    """All definitions of a workspace, and what was wrong with the files that could not be used."""

    folder: Path
    workspace: Workspace
    definitions: dict[tuple[str, str], Definition]
    places: dict[tuple[str, str], Place]
    problems: list[Problem]

    def all(self, kind: type[D]) -> list[D]:
        """Return every definition of one kind, by id."""
        found = [d for d in self.definitions.values() if isinstance(d, kind)]
        return sorted(found, key=lambda d: d.id)

    def find(self, kind: type[D], name: str) -> D | None:
        """Return the definition of that kind and id, or None."""
        found = self.definitions.get((kind_name(kind), name))
        return found if isinstance(found, kind) else None

    def get(self, kind: type[D], name: str) -> D:
        """Return the definition of that kind and id; raise BadDefinition that says what there is instead."""
        found = self.find(kind, name)
        if found is None:
            names = [d.id for d in self.all(kind)]
            raise BadDefinition(
                kind_name(kind),
                value=name,
                rule=f"a {kind_name(kind)} must be defined before it is used",
                next_step=did_you_mean(name, names) or f"write {FOLDERS[kind_name(kind)]}/{name}.yaml",
            )
        return found

    def place(self, definition: Definition) -> Place:
        """Return where a definition stands."""
        return self.places[(kind_name(type(definition)), definition.id)]


def kind_name(kind: type[Definition]) -> str:
    """Return the YAML name of a kind, such as ``source``."""
    return str(kind.__struct_config__.tag)


def did_you_mean(name: str, names: list[str]) -> str:
    """Return a hint that names the closest of ``names``, or all of a few, or nothing."""
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    if close:
        return "did you mean " + " or ".join(close) + "?"
    return "there is: " + ", ".join(sorted(names)[:12]) if names else ""


def load_plan(folder: Path) -> Plan:
    """Read every definition below ``folder``; raise BadDefinition only when there is no usable workspace file."""
    workspace = load_workspace_file(folder)
    definitions: dict[tuple[str, str], Definition] = {}
    places: dict[tuple[str, str], Place] = {}
    problems: list[Problem] = []
    for kind, path in _definition_files(folder):
        shown = path.relative_to(folder).as_posix()
        try:
            definition, lines = _read_definition(kind, path)
        except ButforError as error:
            problems.append(_as_problem(shown, error))
            continue
        key = (kind, definition.id)
        if key in definitions:
            problems.append(_duplicate(key, shown, lines, places[key].file))
            continue
        definitions[key] = definition
        places[key] = Place(shown, lines)
    return Plan(folder, workspace, definitions, places, problems)


def load_workspace_file(folder: Path) -> Workspace:
    """Read ``butfor.yaml``; refuse a missing one, a broken one and one of a newer version."""
    path = folder / FILE
    if not path.is_file():
        raise BadDefinition(
            "workspace",
            value=str(folder),
            rule=f"a workspace is a folder with a {FILE}",
            next_step=f"butfor init {folder}, or name another folder with -C",
        )
    data, lines = _read_yaml(path)
    version = data.get("version")
    if isinstance(version, int) and version > VERSION:
        raise BadDefinition(
            f"{FILE}: version",
            value=version,
            rule=f"this butfor reads workspaces up to version {VERSION}; nothing was changed",
            next_step="update butfor (pip install -U butfor) and open the workspace again",
        )
    return _convert(data, Workspace, FILE, lines)


def save_definition(folder: Path, definition: Definition) -> Path:
    """Write a definition; comments and order of an existing file stay. Returns its path."""
    kind = kind_name(type(definition))
    usual = folder / FOLDERS[kind] / f"{definition.id}.yaml"
    return _write(find_file(folder, kind, definition.id) or usual, to_builtins(definition))


def find_file(folder: Path, kind: str, name: str) -> Path | None:
    """Return the file of a definition, whatever the file is called, or None."""
    return next(
        (path for path in sorted((folder / FOLDERS[kind]).glob("**/*.y*ml")) if _id_of(path) == name), None
    )


def save_workspace_file(folder: Path, workspace: Workspace) -> Path:
    """Write ``butfor.yaml``; comments and order of an existing file stay."""
    return _write(folder / FILE, to_builtins(workspace))


def dump_yaml(data: dict[str, Any]) -> str:
    """Return ``data`` as the YAML text that a new file would hold."""
    out = StringIO()
    _yaml().dump(_styled(data), out)
    return out.getvalue()


def _yaml() -> YAML:
    yaml = YAML(typ="rt")
    yaml.default_flow_style = False
    yaml.width = 110
    yaml.preserve_quotes = True
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def _definition_files(folder: Path) -> Iterator[tuple[str, Path]]:
    for kind, sub in FOLDERS.items():
        for path in sorted((folder / sub).glob("**/*.y*ml")):
            yield kind, path


def _id_of(path: Path) -> str | None:
    # The line is enough to know a file by, and a workspace may hold hundreds of files.
    found = re.search(
        r"^id:\s*['\"]?([^\s'\"#]+)", path.read_text(encoding="utf-8", errors="replace"), re.MULTILINE
    )
    return found.group(1) if found else None


def _read_definition(kind: str, path: Path) -> tuple[Definition, dict[str, int]]:
    data, lines = _read_yaml(path)
    data.setdefault("kind", kind)
    if data["kind"] != kind:
        raise BadDefinition(
            f"{path.name}: kind",
            value=data["kind"],
            rule=f"files in {FOLDERS[kind]}/ are of kind {kind}",
            next_step=f"move it to {FOLDERS.get(str(data['kind']), 'the folder of its kind')}/ or correct kind",
        )
    return _convert(data, KINDS[kind], path.name, lines), lines


def _read_yaml(path: Path) -> tuple[dict[str, Any], dict[str, int]]:
    try:
        data = _yaml().load(path.read_text(encoding="utf-8"))
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise BadDefinition(
            f"{path.name} line {line}",
            value=error.problem,
            rule="a definition is one YAML document",
            next_step="correct the syntax near that line (often a missing quote, colon or indent)",
        ) from error
    except (YAMLError, UnicodeDecodeError) as error:
        raise BadDefinition(
            path.name,
            value=str(error),
            rule="a definition is one YAML document in UTF-8",
            next_step="save it as UTF-8",
        ) from error
    if not isinstance(data, CommentedMap):
        raise BadDefinition(
            path.name,
            value=data,
            rule="a definition is a mapping that starts with kind and id",
            next_step="write 'kind: ...' and 'id: ...' first, or remove the file",
        )
    return _plain(data), dict(_line_numbers(data, ""))


def _line_numbers(node: Any, prefix: str) -> Iterator[tuple[str, int]]:
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in items:
        path = f"{prefix}.{key}" if prefix else str(key)
        at = node.lc.data.get(key)
        if at:
            yield path, at[0] + 1
        if isinstance(value, (dict, list)):
            yield from _line_numbers(value, path)


def _plain(node: Any) -> Any:
    if isinstance(node, dict):
        return {str(k): _plain(v) for k, v in node.items()}
    if isinstance(node, list):
        return [_plain(v) for v in node]
    for plain in (bool, int, float, str):
        if isinstance(node, plain):
            return plain(node)
    return node


T = TypeVar("T")


def _convert(data: dict[str, Any], kind: type[T], file: str, lines: dict[str, int]) -> T:
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at `$")
        path = path.rstrip("`").replace("[...]", "").lstrip(".")
        unknown = re.search(r"unknown field `(\w+)`", what)
        known = [f.encode_name for f in msgspec.structs.fields(kind)]  # type: ignore[arg-type]
        line = lines.get(path or (unknown.group(1) if unknown else ""), 1)
        raise BadDefinition(
            f"{file} line {line}" + (f": {path}" if path else ""),
            value=what,
            rule="every field of a definition has a name and a type (butfor schema prints them)",
            next_step=(did_you_mean(unknown.group(1), known) if unknown and not path else "")
            or "correct the field, then run butfor check",
        ) from error


def _as_problem(file: str, error: ButforError) -> Problem:
    line = re.search(r"line (\d+)", error.thing)
    return Problem(
        level="error",
        code="SHAPE",
        file=file,
        line=int(line.group(1)) if line else 1,
        what=f"{error.thing}: {error.value}",
        why=error.rule,
        next=error.next_step,
    )


def _duplicate(key: tuple[str, str], file: str, lines: dict[str, int], first: str) -> Problem:
    return Problem(
        level="error",
        code="DUPLICATE",
        file=file,
        line=lines.get("id", 1),
        what=f"{key[0]} {key[1]} is defined here and in {first}",
        why="one id names one thing, or nobody knows which definition is in force",
        next=f"give one of them another id, or remove {file}",
    )


def _write(path: Path, new: dict[str, Any]) -> Path:
    yaml = _yaml()
    data: Any = _styled(new)
    if path.exists():
        data = yaml.load(path.read_text(encoding="utf-8"))
        _merge(data, new)
    path.parent.mkdir(parents=True, exist_ok=True)
    out = StringIO()
    yaml.dump(data, out)
    # A definition is replaced whole or not at all: a kill in the middle leaves the old file.
    part = path.with_name(path.name + ".part")
    part.write_text(out.getvalue(), encoding="utf-8")
    part.replace(path)
    return path


def _styled(node: Any) -> Any:
    """Return data as YAML nodes; short lists of plain values stand in one line, as people write them."""
    if isinstance(node, dict):
        return CommentedMap((key, _styled(value)) for key, value in node.items())
    if isinstance(node, list):
        made = CommentedSeq(_styled(value) for value in node)
        if all(isinstance(v, (str, int, float, bool)) for v in node) and len(str(node)) < 90:
            made.fa.set_flow_style()
        return made
    return node


def _merge(old: Any, new: dict[str, Any]) -> None:
    for key in [k for k in old if k not in new]:
        del old[key]
    for key, value in new.items():
        if isinstance(old.get(key), dict) and isinstance(value, dict):
            _merge(old[key], value)
        elif key not in old or not _same(old[key], value):
            old[key] = _styled(value)


def _same(old: Any, new: Any) -> bool:
    return bool(_plain(old) == new and (isinstance(old, date) or type(_plain(old)) is type(new)))
