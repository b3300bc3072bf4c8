"""Schemathesis calls everything that our OpenAPI document describes: no answer that it does not announce, no 500."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from serving import live_workspace, serving


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, str]]:
    folder = tmp_path_factory.mktemp("api") / "shop"
    key = live_workspace(folder)
    with serving(folder) as server:
        yield server, key
        found = server.health()
        assert (found["status"], found["trouble"]) == ("ok", [])


@pytest.fixture
def web_api(running: tuple[Any, str]) -> Any:
    return schemathesis.openapi.from_url(f"{running[0].url}/schema/openapi.json")


described = schemathesis.pytest.from_fixture("web_api")


@pytest.mark.slow
@described.parametrize()
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_described_call_answers_as_described(case: Any, running: tuple[Any, str]) -> None:
    case.call_and_validate(auth=(running[1], ""))


def test_the_document_names_all_calls(running: tuple[Any, str], tmp_path: Path) -> None:
    import httpx

    found = httpx.get(f"{running[0].url}/schema/openapi.json").json()["paths"]
    assert {f"/v1/{k}" for k in ("identify", "track", "page", "screen", "group", "alias", "batch")} < set(found)
    assert set(found["/v1/track"]["post"]["responses"]) == {"200", "400", "401", "413", "429", "503"}
