"""A real ``butfor serve`` in a process of its own, for tests that talk to it, kill it and start it again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from butfor.app import start
from butfor.app.keys import add_key

ROOT = Path(__file__).parent.parent


def live_workspace(folder: Path) -> str:
    """Make a workspace with the live source ``site`` and return a write key of it."""
    if not (folder / "butfor.yaml").exists():
        start(folder)
    return add_key(folder, "site").write_key


class Server:
    """A server that can be started, stopped and killed; it keeps its port."""

    def __init__(self, folder: Path, port: int = 0, before: str = "") -> None:
        self.folder, self.port, self.before = folder, port, before
        self.process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Server:
        """Start it and wait until it listens."""
        code = f"{self.before}\nimport sys\nsys.argv[0] = 'butfor'\nfrom butfor.cli.main import main\nmain()"
        command = [
            sys.executable,
            "-c",
            code,
            "-C",
            str(self.folder),
            "serve",
            "--json",
            "--port",
            str(self.port),
        ]
        env = os.environ | {"PYTHONPATH": str(ROOT)}
        log = (self.folder / "serve.log").open("a")
        self.process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=log, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(
                f"the server did not start: {(self.folder / 'serve.log').read_text()[-2000:]}"
            )
        self.port = int(json.loads(line)["url"].rpartition(":")[2])
        return self

    def kill(self) -> None:
        """Kill it as a power cut would."""
        self.end(signal.SIGKILL)

    def stop(self) -> int:
        """Ask it to stop, and return its exit code."""
        return self.end(signal.SIGTERM)

    def end(self, number: int) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(timeout=60)

    def health(self) -> dict[str, Any]:
        found: dict[str, Any] = httpx.get(f"{self.url}/health", timeout=10).json()
        return found


@contextmanager
def serving(folder: Path, before: str = "") -> Iterator[Server]:
    """Give a running server; it does not outlive the test."""
    server = Server(folder, before=before).start()
    try:
        yield server
    finally:
        if server.process and server.process.poll() is None:
            server.process.kill()
            server.process.wait()
