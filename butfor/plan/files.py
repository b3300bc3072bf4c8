"""Read a workspace folder into a plan, and write definitions back without losing comments or order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from butfor.model import BadDefinition, ButforError
from butfor.plan.kinds import FOLDERS, KINDS, Definition, Workspace, to_builtins
from butfor.plan.read import Lines, did_you_mean, load_yaml, plain, read_yaml, typed
from butfor.plan.write import dump_yaml, patched, replace_file, unix_text

FILE = "butfor.yaml"
VERSION = 1
WORKSPACE = ("workspace", "")
"""The key of the workspace file among the places of a plan."""
_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")

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


def load_plan(folder: Path) -> Plan:
    """Read every definition below ``folder``; raise BadDefinition only when there is no usable workspace file."""
    workspace, lines = _read_workspace(folder)
    definitions: dict[tuple[str, str], Definition] = {}
    places = {WORKSPACE: Place(FILE, lines)}
    problems = list(_unread(folder))
    for kind, path in _definition_files(folder):
        shown = path.relative_to(folder).as_posix()
        try:
            definition, lines = read_definition(kind, path)
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
    return _read_workspace(folder)[0]


def save_definition(folder: Path, definition: Definition) -> Path:
    """Write a definition; in an existing file only what changed changes. Returns its path.

    Raises BadDefinition when its id cannot name a file, or its file holds broken YAML; StoreError when the file
    cannot be written.
    """
    kind = kind_name(type(definition))
    if not _FILE_NAME.fullmatch(definition.id):
        raise BadDefinition(
            f"{kind} id",
            value=definition.id,
            rule="an id names a file, so it is made of letters, digits, _ and -",
            next_step="choose an id such as loyalty_join",
        )
    new = to_builtins(definition)
    path = find_file(folder, kind, definition.id)
    if path is None:
        path = _free_file(folder, kind, definition.id)
        replace_file(path, dump_yaml(new))
        return path
    data, lines = read_yaml(path)
    return _save(path, {"kind": kind} | data, KINDS[kind], lines, new)


def save_workspace_file(folder: Path, workspace: Workspace) -> Path:
    """Write ``butfor.yaml``; in an existing file only what changed changes."""
    path = folder / FILE
    if not path.exists():
        replace_file(path, dump_yaml(to_builtins(workspace)))
        return path
    data, lines = read_yaml(path)
    return _save(path, data, Workspace, lines, to_builtins(workspace))


def _save(
    path: Path, data: dict[str, Any], kind: type[Definition | Workspace], lines: Lines, new: dict[str, Any]
) -> Path:
    try:
        was = to_builtins(typed(data, kind, path.name, lines))
    except BadDefinition:
        was = data
    replace_file(path, patched(path.name, unix_text(path), was, new))
    return path


def find_file(folder: Path, kind: str, name: str) -> Path | None:
    """Return the file of a definition, whatever the file is called, or None."""
    return next((p for known, p in _definition_files(folder) if known == kind and _holds(p, name)), None)


def _free_file(folder: Path, kind: str, name: str) -> Path:
    """Return a path for a new file; one named after the id may hold another definition."""
    sub, number = folder / FOLDERS[kind], 2
    path = sub / f"{name}.yaml"
    while path.exists():
        path, number = sub / f"{name}_{number}.yaml", number + 1
    return path


def _holds(path: Path, name: str) -> bool:
    """Say whether a file defines ``name``; a broken file without a line for its id is taken by its own name."""
    text = path.read_text(encoding="utf-8", errors="replace")
    # The line is enough to know a file by, and a workspace may hold hundreds of files.
    line = re.search(r"^id:\s*['\"]?([^\s'\"#]+)", text, re.MULTILINE)
    if line:
        return line.group(1) == name
    try:
        return name in text and str(load_yaml(path.name, text).get("id")) == name
    except ButforError:
        return path.stem == name


def _definition_files(folder: Path) -> Iterator[tuple[str, Path]]:
    for kind, sub in FOLDERS.items():
        for path in sorted((folder / sub).glob("**/*.y*ml")):
            if path.is_file() and not path.name.startswith("."):
                yield kind, path


def _unread(folder: Path) -> Iterator[Problem]:
    """Yield definitions that stand where nobody reads them, such as ``audience/`` for ``audiences/``."""
    read = {path for _, path in _definition_files(folder)}
    for path in sorted({*folder.glob("*/*.y*ml"), *folder.glob("*/*/*.y*ml")} - read):
        shown = path.relative_to(folder)
        if not path.is_file() or any(part.startswith(".") for part in shown.parts):
            continue
        try:
            kind = plain(load_yaml(path.name, unix_text(path)).get("kind"))
        except ButforError:
            continue
        if kind is not None:
            yield _misplaced(shown.as_posix(), str(kind))


def _misplaced(file: str, kind: str) -> Problem:
    return Problem(
        level="warning",
        code="FOLDER",
        file=file,
        line=1,
        what=f"{file} is not read",
        why="definitions are read from the folder of their kind, so this one is not in force",
        next=f"move it to {FOLDERS[kind]}/" if kind in FOLDERS else did_you_mean(kind, list(KINDS)),
    )


def _read_workspace(folder: Path) -> tuple[Workspace, Lines]:
    path = folder / FILE
    if not path.is_file():
        raise BadDefinition(
            "workspace",
            value=str(folder),
            rule=f"a workspace is a folder with a {FILE}",
            next_step=f"butfor init {folder}, or name another folder with -C",
        )
    data, lines = read_yaml(path)
    version = data.get("version")
    if isinstance(version, int) and version > VERSION:
        raise BadDefinition(
            f"{FILE}: version",
            value=version,
            rule=f"this butfor reads workspaces up to version {VERSION}; nothing was changed",
            next_step="update butfor (pip install -U butfor) and open the workspace again",
        )
    return typed(data, Workspace, FILE, lines), lines


def read_definition(kind: str, path: Path) -> tuple[Definition, Lines]:
    """Return the definition in a file and the line of each path in it; raise BadDefinition when it cannot be read."""
    data, lines = read_yaml(path)
    data.setdefault("kind", kind)
    if data["kind"] != kind:
        raise BadDefinition(
            f"{path.name} line {lines.get('kind', 1)}: kind",
            value=data["kind"],
            rule=f"files in {FOLDERS[kind]}/ are of kind {kind}",
            next_step=f"move it to {FOLDERS.get(str(data['kind']), 'the folder of its kind')}/ or correct kind",
        )
    return typed(data, KINDS[kind], path.name, lines), lines


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
