"""A client of the API of a served workspace, for scenario tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from serving import serving

from butfor.app.keys import add_key


class Caller:
    """Calls the API with a key of its own; anything but success fails the test."""

    def __init__(self, url: str, key: str) -> None:
        self._client = httpx.Client(base_url=f"{url}/v1/", auth=(key, ""), timeout=60)

    def get(self, path: str) -> Any:
        return self._told(self._client.get(path))

    def post(self, path: str, **body: Any) -> Any:
        return self._told(self._client.post(path, json=body))

    def put(self, path: str, **body: Any) -> Any:
        return self._told(self._client.put(path, json=body))

    def status(self, path: str, **body: Any) -> int:
        """Return the status of a call that is meant to be refused."""
        return self._client.post(path, json=body).status_code

    @staticmethod
    def _told(found: httpx.Response) -> Any:
        assert found.status_code in (200, 201), found.text
        return found.json()


@contextmanager
def calling(folder: Path) -> Iterator[Caller]:
    """Serve a workspace and give a client of its API."""
    key = add_key(folder, "api").write_key
    with serving(folder) as server:
        yield Caller(server.url, key)
