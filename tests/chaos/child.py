"""What the children of the chaos tests do: work on a workspace until they are killed, locked out or out of disk.

The first argument of each is a pipe to the test.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from live_calls import live
from shops import CRM, TILL, campaign_definitions, shop

from butfor.app import Workspace
from butfor.channels import DryRun
from butfor.model import ButforError
from butfor.store import Hub
from butfor.store.duck import DuckLake
from butfor.store.inbox_sqlite import SqliteInbox
from butfor.store.spark import SparkLake

SALES = ("order_completed", "order_refunded", "customer_id", "email")

LIVE = ("order_completed", "product_viewed", "customer_id", "device_id", "email", "first_name")


def loading(folder: Path, lake: str = "duckdb") -> Workspace:
    """Open a workspace that loads receipts, with no more tables than that needs."""
    return shop(folder, TILL, terms=SALES, lake=lake)


def sending(folder: Path) -> Workspace:
    """Open a workspace with a campaign."""
    return shop(folder, TILL, CRM, *campaign_definitions())


def kill_after(seconds: float) -> None:
    """Kill this process from outside of whatever it is doing then."""
    timer = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGKILL))
    timer.daemon = True
    timer.start()


def before_each(kinds: list[tuple[type, str]], act: Callable[[], None]) -> None:
    """Do something before each call of these methods."""
    for kind, name in kinds:
        original = getattr(kind, name)

        def acting(*args: Any, _original: Any = original, **kwargs: Any) -> Any:
            act()
            return _original(*args, **kwargs)

        setattr(kind, name, acting)


def exit_before(n: int, kinds: list[tuple[type, str]]) -> None:
    """Leave without goodbye before the n-th call of these methods, counted from 1."""
    left = [n]

    def act() -> None:
        left[0] -= 1
        if left[0] == 0:
            os._exit(9)

    before_each(kinds, act)


def load(pipe: Any, folder: Path, path: str, seconds: float, at_commit: bool) -> None:
    """Load a file and be killed after some time, from its start or from its commit."""
    with loading(folder) as ws:
        if at_commit:
            before_each([(DuckLake, "_commit")], lambda: kill_after(seconds))
        else:
            kill_after(seconds)
        ws.load("till", path)


def insert(pipe: Any, folder: Path, lake: str, path: str, n: int) -> None:
    """Load a file and die before the n-th write to the lake."""
    with loading(folder, lake) as ws:
        exit_before(n, [(SparkLake, "insert"), (DuckLake, "insert")])
        ws.load("till", path)


def launch(pipe: Any, folder: Path, n: int) -> None:
    """Launch a campaign and die before the n-th step that leaves a trace."""
    with sending(folder) as ws:
        steps = [
            (Hub, "append"),
            (DuckLake, "ensure"),
            (DuckLake, "insert"),
            (DryRun, "send"),
            (Path, "replace"),
        ]
        exit_before(n, steps)
        ws.launch("hello")


def hold(pipe: Any, folder: Path, path: str) -> None:
    """Keep a workspace open until a word comes in, then load."""
    with loading(folder) as ws:
        pipe.send(os.getpid())
        pipe.recv()
        pipe.send(ws.load("till", path).accepted)


def full_load(pipe: Any, folder: Path, path: str, limit: int) -> None:
    """Load a file where no file may grow beyond a limit."""
    with loading(folder) as ws:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        ws.load("till", path)


def full_launch(pipe: Any, folder: Path, limit: int) -> None:
    """Launch a campaign where no file may grow beyond a limit."""
    with sending(folder) as ws:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        ws.launch("hello")


def drain(pipe: Any, folder: Path, n: int) -> None:
    """Drain what waits in the inbox and die before the n-th step."""
    with live(folder, terms=LIVE) as made:
        steps = [(SqliteInbox, "write"), (SqliteInbox, "merge"), (DuckLake, "insert"), (DuckLake, "_commit")]
        exit_before(n, steps)
        while made.drain.step():
            pass


def run(pipe: Any, what: str, words: tuple[Any, ...]) -> None:
    """Do one of the above; what butfor refuses goes through the pipe."""
    try:
        globals()[what](pipe, *words)
    except ButforError as refused:
        pipe.send(refused.to_dict())
        sys.exit(1)
