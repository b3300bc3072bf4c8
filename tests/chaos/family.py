"""Starts the children of the chaos tests, and writes the files they load."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import child
from shops import till_file

# A server that has imported everything forks each child, which saves a second each.
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["child"])


class Ended(NamedTuple):
    """How a child ended: its exit code (minus the signal that killed it), and what it said."""

    code: int | None
    said: Any


@contextmanager
def started(what: str, *words: Any) -> Iterator[tuple[Any, Any]]:
    """Start a child, and give its process and the pipe to it; it does not outlive the test."""
    here, there = SERVER.Pipe()
    process = SERVER.Process(target=child.run, args=(there, what, words))
    process.start()
    there.close()
    try:
        yield process, here
        process.join(60)
    finally:
        process.kill()


def run_child(what: str, *words: Any) -> Ended:
    """Run a child to its end, whatever that is."""
    with started(what, *words) as (process, pipe):
        process.join(60)
        try:
            said = pipe.recv() if pipe.poll() else None
        except EOFError:
            said = None
        return Ended(process.exitcode, said)


def till_lines(orders: int) -> list[str]:
    """Return orders of three lines each; every tenth is a return, some are of nobody."""
    return [
        f"r{i},2026-06-{1 + i % 28:02} 10:00:00,{f'c{i % 97}' if i % 13 else ''},sku{k},{-1 if i % 10 == 0 else 2},{k + 1}.25"
        for i in range(orders)
        for k in range(3)
    ]


def large_file(folder: Path) -> str:
    """Write 45,000 lines of receipts."""
    return till_file(folder / "large.csv", till_lines(15_000))


def small_file(folder: Path) -> str:
    """Write 180 lines of receipts and one that is broken."""
    return till_file(folder / "small.csv", [*till_lines(60), "r1,yesterday,c1,sku,1,1"])
