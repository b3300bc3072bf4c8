"""Schemathesis calls everything that our OpenAPI document describes: no answer that it does not announce, no 500."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance
from serving import live_workspace, serving

from butfor.app.keys import add_key
from butfor.ingest.calls import KINDS


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, dict[bool, str]]]:
    folder = tmp_path_factory.mktemp("api") / "shop"
    key, api = live_workspace(folder), add_key(folder, "api").write_key
    with serving(folder) as server:
        yield server, {True: key, False: api}
        found = server.health()
        assert (found["status"], found["trouble"]) == ("ok", [])


@pytest.mark.slow
def test_every_described_call_answers_as_described(running: tuple[Any, dict[bool, str]]) -> None:
    server, keys = running

    def key_of(case: Any) -> str:
        return keys[case.path.rpartition("/")[2] in (*KINDS, "batch")]

    described = schemathesis.openapi.from_url(f"{server.url}/schema/openapi.json")
    names = []
    for found in described.get_all_operations():
        operation = found.ok()
        names.append(operation.path)

        @given(case=operation.as_strategy(generation_mode=GenerationMode.POSITIVE))
        @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        def sound(case: Any) -> None:
            # A rule is a language of its own: what it says wrong is refused, and no schema can describe that.
            spoken = any(
                part in case.path for part in ("/audiences", "/terms", "/rules", "/segments", "/recipes")
            )
            excluded = [positive_data_acceptance] if spoken else []
            case.call_and_validate(auth=(key_of(case), ""), excluded_checks=excluded)

        @given(case=operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))
        @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        def unsound(case: Any) -> None:
            # Its broken part may be the key, which is whole again here.
            case.call_and_validate(auth=(key_of(case), ""), excluded_checks=[negative_data_rejection])

        sound()
        if operation.method.upper() == "POST":
            unsound()
    assert len(names) == 40


def test_the_document_names_all_calls(running: tuple[Any, dict[bool, str]], tmp_path: Path) -> None:
    import httpx

    found = httpx.get(f"{running[0].url}/schema/openapi.json").json()["paths"]
    assert {f"/v1/{k}" for k in ("identify", "track", "page", "screen", "group", "alias", "batch")} < set(
        found
    )
    assert set(found["/v1/track"]["post"]["responses"]) == {"200", "400", "401", "413", "429", "503"}
