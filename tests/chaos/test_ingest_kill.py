"""Real SDKs send through a bad network to a server that is killed over and over: events stored = events sent, exactly."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from faulty import FAULTS, FaultyProxy
from serving import Server, live_workspace, serving
from shops import ask

from butfor.app import open_workspace

HERE = Path(__file__).parent
MODULES = HERE.parent.parent / ".node-sdks" / "node_modules"
PINNED = ("@segment/analytics-node@3.1.0", "@rudderstack/rudder-sdk-node@3.0.13", "@jitsu/js@1.11.0")


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """The Node SDKs, installed once into an ignored folder of the project."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("no Node.js: the Node SDKs are not tested")
    ready = MODULES.parent / "ready"
    if not ready.is_file() or ready.read_text() != " ".join(PINNED):
        # An installation that was cut off looks whole and is not.
        shutil.rmtree(MODULES.parent, ignore_errors=True)
        MODULES.parent.mkdir(exist_ok=True)
        (MODULES.parent / "package.json").write_text('{"private": true}')
        command = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--silent", *PINNED]
        done = subprocess.run(command, cwd=MODULES.parent, capture_output=True, text=True, timeout=300)
        if done.returncode:
            pytest.skip(f"npm could not install the Node SDKs: {done.stderr[-300:]}")
        ready.write_text(" ".join(PINNED))
    return MODULES


def client(name: str, url: str, key: str, stop: Path, modules: Path) -> subprocess.Popen[str]:
    """Start a program that sends with one SDK."""
    command = [sys.executable, str(HERE / "python_sdks.py"), name]
    if name.endswith("node"):
        command = ["node", str(HERE / "node_sdks.mjs"), name.removesuffix("node")]
    return subprocess.Popen(
        [*command, url, key, str(stop), str(modules)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def sent_by(programs: dict[str, subprocess.Popen[str]], timeout: float) -> dict[str, int]:
    """Wait until each program has flushed, and return how many events it sent."""
    sent = {}
    for name, program in programs.items():
        out, err = program.communicate(timeout=timeout)
        assert program.returncode == 0, f"{name}: {err[-2000:]}"
        assert "given up" not in err, f"{name}: {err[-2000:]}"
        sent[name] = int(out.strip().splitlines()[-1])
    return sent


def wait_drained(server: Server) -> None:
    for _ in range(300):
        if server.health()["waiting"] == 0:
            return
        time.sleep(0.1)
    raise AssertionError(server.health())


def stored(folder: Path) -> tuple[Counter[str], Counter[str], int]:
    """Return how often each viewed product and each order number is in the lake, and what is in quarantine."""
    with open_workspace(folder) as ws:
        views = Counter(r["product_id"] for r in ask(ws.lake, "SELECT product_id FROM ev_product_viewed"))
        orders = Counter(r["order_id"] for r in ask(ws.lake, "SELECT order_id FROM ev_order_completed"))
        refused = ask(ws.lake, "SELECT count(*) AS n FROM quarantine")[0]["n"]
        lines = ask(ws.lake, "SELECT count(*) AS n FROM ev_order_completed__products")[0]["n"]
        assert lines == sum(orders.values())
    return views, orders, refused


def expected(sent: dict[str, int]) -> tuple[Counter[str], Counter[str], int]:
    views = Counter(f"{name}-{i}" for name, n in sent.items() for i in range(n))
    orders = Counter(f"{name}-{i}" for name, n in sent.items() for i in range(0, n, 10))
    return views, orders, 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["segment", "rudder", "segmentnode", "ruddernode", "jitsunode"])
def test_each_sdk_works_unchanged(name: str, tmp_path: Path, node_modules: Path) -> None:
    key, stop = live_workspace(tmp_path / "shop"), tmp_path / "stop"
    with serving(tmp_path / "shop") as server:
        programs = {name: client(name, server.url, key, stop, node_modules)}
        time.sleep(2)
        stop.touch()
        sent = sent_by(programs, 60)
        wait_drained(server)
        assert server.stop() == 0
    assert sent[name] >= 10
    assert stored(tmp_path / "shop") == expected(sent)


@pytest.mark.slow
def test_what_sdks_sent_through_faults_and_20_kills_is_stored_exactly_once(
    tmp_path: Path, node_modules: Path
) -> None:
    key, stop, chance = live_workspace(tmp_path / "shop"), tmp_path / "stop", random.Random(3)
    with serving(tmp_path / "shop") as server, FaultyProxy(server.port) as proxy:
        names = ("segment", "rudder", "segmentnode", "ruddernode")
        programs = {name: client(name, proxy.url, key, stop, node_modules) for name in names}
        for _ in range(20):
            time.sleep(chance.uniform(0.05, 1))
            server.kill()
            server.start()
        stop.touch()
        time.sleep(3)
        proxy.calm()
        sent = sent_by(programs, 180)
        wait_drained(server)
        assert server.stop() == 0
    assert {k for k in proxy.met if k.startswith("server")} <= {"server 200", "server hung up"}, proxy.met
    assert all(proxy.met[fault] for fault in FAULTS), proxy.met
    assert stored(tmp_path / "shop") == expected(sent)
