"""Write one YAML document: a change touches the lines it is about, and nothing else."""

from __future__ import annotations

from difflib import SequenceMatcher
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from butfor.model import BadDefinition, StoreError
from butfor.plan.read import WIDTH, load_yaml, plain, read_text, round_trip


def dump_yaml(data: dict[str, Any]) -> str:
    """Return ``data`` as the YAML text that a new file would hold."""
    return _dumped(_styled(data))


def patched(name: str, text: str, was: dict[str, Any], new: dict[str, Any]) -> str:
    """Return a document's text with the changes from ``was`` to ``new``; all other lines stay as they are.

    ``was`` is what the text means, defaults left out; a default that somebody wrote down stays written down.
    """
    data = load_yaml(name, text)
    widest = max(map(len, text.splitlines()), default=0)
    before = _dumped(data, widest)
    _change(data, was, new)
    after = _dumped(data, widest)
    # Lines are put together by comparison; the meaning decides whether that went well.
    tries = (_kept(text, before, after, by_line=by_line) for by_line in (True, False))
    return next((kept for kept in tries if _means(kept, plain(data))), after)


def replace_file(path: Path, text: str) -> None:
    """Replace a file whole or not at all, so that a kill in the middle leaves the old one; keep its line ends."""
    windows = path.exists() and b"\r\n" in path.read_bytes()
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(text.replace("\n", "\r\n" if windows else "\n").encode())
        part.replace(path)
    except OSError as error:
        raise StoreError(
            f"file {path}", value=error.strerror, rule="a definition is kept whole or not at all; it is as it was",
            next_step="check disk space and permissions of the folder, then save again",
        ) from error  # fmt: skip
    finally:
        part.unlink(missing_ok=True)


def unix_text(path: Path) -> str:
    """Return the text of a file with ``\\n`` at the end of each line."""
    return read_text(path).replace("\r\n", "\n")


def _dumped(node: Any, widest: int = 0) -> str:
    out, yaml = StringIO(), round_trip()
    yaml.width = max(WIDTH, widest)
    yaml.dump(node, out)
    return out.getvalue()


def _styled(node: Any) -> Any:
    """Return data as YAML nodes; short lists of plain values stand in one line, as people write them."""
    if isinstance(node, dict):
        return CommentedMap((key, _styled(value)) for key, value in node.items())
    if isinstance(node, list):
        made = CommentedSeq(_styled(value) for value in node)
        if all(isinstance(v, (str, int, float, bool)) for v in node) and len(str(node)) < 90:
            made.fa.set_flow_style()
        return made
    # Plain and single-quoted texts lose some line separators, such as NEL.
    return DoubleQuotedScalarString(node) if isinstance(node, str) and not node.isprintable() else node


def _change(node: Any, was: dict[str, Any], new: dict[str, Any]) -> None:
    """Change a mapping in place; keys that are the same before and after are not touched."""
    keys = {str(key): key for key in node}
    for key in was.keys() - new.keys():
        node.pop(keys.get(key), None)
    for key, value in new.items():
        if key not in was or not _alike(was[key], value):
            node[keys.get(key, key)] = _changed(node.get(keys.get(key)), was.get(key), value)


def _changed(node: Any, was: Any, new: Any) -> Any:
    """Return the node of a changed value; mappings and lists are changed inside, so that their comments stay."""
    shared = getattr(getattr(node, "anchor", None), "value", None) is not None
    kinds = (node, was, new)
    if not shared and all(isinstance(each, dict) for each in kinds):
        _change(node, was, new)
    elif not shared and all(isinstance(each, list) for each in kinds) and len(node) == len(was):
        _change_list(node, was, new)
    else:
        return _styled(new)
    return node


def _change_list(node: Any, was: list[Any], new: list[Any]) -> None:
    """Change a list in place; equal items at both ends are not touched."""
    most = min(len(was), len(new))
    head = next((i for i in range(most) if not _alike(was[i], new[i])), most)
    tail = next((i for i in range(most - head) if not _alike(was[-1 - i], new[-1 - i])), most - head)
    shared = most - tail
    for i in range(head, shared):
        node[i] = _changed(node[i], was[i], new[i])
    for _ in range(shared, len(was) - tail):
        node.pop(shared)
    for i in range(shared, len(new) - tail):
        node.insert(i, _styled(new[i]))


def _alike(was: Any, new: Any) -> bool:
    """Say whether two values are the same, ``1`` and ``true`` being different."""
    return repr(was) == repr(new)


def _means(text: str, wanted: dict[str, Any]) -> bool:
    try:
        return bool(plain(load_yaml("", text)) == wanted)
    except BadDefinition:
        return False


def _kept(text: str, before: str, after: str, *, by_line: bool) -> str:
    """Return ``after``, with what it shares with ``before`` as it stands in ``text``.

    ``before`` is ``text`` in our own style. A passage whose style differs is taken from ``text`` as a whole, or,
    ``by_line``, one line for each line.
    """
    old, ours, new = (part.splitlines(True) for part in (text, before, after))
    styles = _passages(ours, old, by_line=by_line)
    out: list[str] = []
    for tag, start, end, first, last in SequenceMatcher(None, ours, new, autojunk=False).get_opcodes():
        if tag != "equal":
            out += new[first:last]
            continue
        for low, high, from_, to in styles:
            if start <= low and (high < end or (high == end and (low < high or end == len(ours)))):
                out += old[from_:to]
            else:
                out += ours[max(start, low) : min(end, high)]
    return "".join(out)


def _passages(ours: list[str], old: list[str], *, by_line: bool) -> list[tuple[int, int, int, int]]:
    """Return passages that correspond, as (from, to) in ``ours`` and (from, to) in ``old``."""
    found: list[tuple[int, int, int, int]] = []
    for tag, low, high, from_, to in SequenceMatcher(None, ours, old, autojunk=False).get_opcodes():
        if tag == "equal" or (by_line and high - low == to - from_):
            found += [(low + i, low + i + 1, from_ + i, from_ + i + 1) for i in range(high - low)]
        else:
            found.append((low, high, from_, to))
    return found
