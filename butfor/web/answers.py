"""Answers of the tracking API: short ones made beforehand, and errors with their four parts."""

from __future__ import annotations

from typing import Any

import msgspec

Headers = list[tuple[bytes, bytes]]

# Browsers of any page may send events; a write key can write and nothing else, so it is no secret.
CORS: Headers = [(b"access-control-allow-origin", b"*")]
PREFLIGHT: Headers = [
    *CORS,
    (b"access-control-allow-methods", b"POST, OPTIONS"),
    (b"access-control-allow-headers", b"authorization, content-type, content-encoding, x-write-key, *"),
    (b"access-control-max-age", b"86400"),
]
_JSON = (b"content-type", b"application/json")


class Answer(msgspec.Struct, frozen=True, gc=False):
    """A status, headers and a body."""

    status: int
    headers: Headers
    body: bytes


def answer(status: int, body: bytes, headers: Headers | None = None) -> Answer:
    """Return a JSON answer."""
    sized = [_JSON, (b"content-length", str(len(body)).encode()), *CORS]
    return Answer(status, [*sized, *(headers or [])], body)


# Segment says success, Jitsu's SDK looks for ok.
TAKEN = answer(200, b'{"success":true,"ok":true}')
ALLOWED = Answer(204, PREFLIGHT, b"")


def problem(
    status: int, thing: str, *, value: Any = None, rule: str, next_step: str, wait: int | None = None
) -> Answer:
    """Return an error; ``wait`` says after how many seconds a repeat has a chance."""
    said = {"error": _NAMES[status], "thing": thing, "value": value, "rule": rule, "next_step": next_step}
    # SDKs in Python read these two, and take an answer without them for a fault of the network.
    said |= {"code": _NAMES[status].replace(" ", "_"), "message": f"{thing}: {rule}"}
    headers = [(b"retry-after", str(wait).encode())] if wait is not None else []
    if status == 401:
        headers.append((b"www-authenticate", b'Basic realm="write key"'))
    if status == 405:
        headers.append((b"allow", b"POST, OPTIONS"))
    return answer(status, msgspec.json.encode(said), headers)


_NAMES = {
    400: "bad request", 401: "unauthorized", 404: "not found", 405: "method not allowed", 413: "too large",
    429: "too many requests", 503: "unavailable",
}  # fmt: skip
