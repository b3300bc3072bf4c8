"""Children of the chaos tests, and the files they load."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from shops import till_file

sys.path.insert(0, str(Path(__file__).parent))
import child as child_module

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
    process = SERVER.Process(target=child_module.run, args=(there, what, words))
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


@pytest.fixture
def child() -> Callable[..., Ended]:
    return run_child


@pytest.fixture
def holding() -> Any:
    return started


def till_lines(orders: int) -> list[str]:
    """Return orders of three lines each; every tenth is a return, some are of nobody."""
    return [
        f"r{i},2026-06-{1 + i % 28:02} 10:00:00,{f'c{i % 97}' if i % 13 else ''},sku{k},{-1 if i % 10 == 0 else 2},{k + 1}.25"
        for i in range(orders)
        for k in range(3)
    ]


@pytest.fixture(scope="session")
def large_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    return till_file(tmp_path_factory.mktemp("large") / "d.csv", till_lines(40_000))


@pytest.fixture(scope="session")
def small_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    lines = [*till_lines(60), "r1,yesterday,c1,sku,1,1"]
    return till_file(tmp_path_factory.mktemp("small") / "d.csv", lines)
