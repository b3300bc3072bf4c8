"""Hand a list to another system over HTTPS: signed, in batches, each once per idempotency key, tried again when it is busy.

Headers and signature are those of Standard Webhooks (https://www.standardwebhooks.com, spec 1.0): ``webhook-id`` stays the
same on every try, and the signature is HMAC-SHA256 over id, time and body.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import httpx
import msgspec

from butfor.model import BadInput, StoreError

BATCH = 1_000
TRIES = 5
# Seconds: the wait doubles from the first, and nobody may make us wait longer than the longest.
FIRST_WAIT, LONGEST_WAIT, TIMEOUT = 1.0, 60.0, 10.0

Post = Callable[[str, bytes, Mapping[str, str]], "Answer"]


class Answer(msgspec.Struct, frozen=True):
    """What a system said: its status (0 when it did not answer in time), and after how many seconds to come again."""

    status: int
    after: str | None = None
    text: str = ""


def need_webhook(url: str) -> None:
    """Raise BadInput for an address that is not https, except on this machine, or that carries a password."""
    parts = urlsplit(url)
    local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if parts.scheme != "https" and not (parts.scheme == "http" and local):
        raise BadInput(
            "webhook", value=url, rule="people are sent over https only", next_step="write https://"
        )
    if parts.password or parts.username:
        raise BadInput(
            "webhook", value=f"{parts.scheme}://...@{parts.hostname}", rule="an address is written down, so it holds no password",
            next_step="leave it out; batches are signed with the secret in BUTFOR_WEBHOOK_SECRET",
        )  # fmt: skip


def secret_bytes(secret: str) -> bytes:
    """Return the key of a secret such as ``whsec_MfKQ...`` (base64 after the prefix); raise BadInput for another one."""
    try:
        found = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if len(found) < 24:
        raise BadInput(
            "BUTFOR_WEBHOOK_SECRET", value=f"{len(secret)} characters", rule="whsec_ and base64 of 24 bytes or more",
            next_step="make one: python -c \"import base64,os; print('whsec_'+base64.b64encode(os.urandom(32)).decode())\"",
        )  # fmt: skip
    return found


def signature(secret: bytes, key: str, sent_at: int, body: bytes) -> str:
    """Return the signature of a body sent at a Unix time under an idempotency key."""
    told = f"{key}.{sent_at}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(secret, told, hashlib.sha256).digest()).decode()


def hand_over(
    url: str, body: bytes, key: str, secret: bytes | None, now: Callable[[], datetime],
    post: Post | None = None, wait: Callable[[float], None] = time.sleep,
) -> int:  # fmt: skip
    """Post one batch until the system takes it; return how many tries that took.

    It is tried again after 429, any 5xx and a time-out, as late as ``Retry-After`` asks. Raises StoreError when it is
    refused or after ``TRIES`` tries; a repetition carries the same key, so a batch that arrived is known there.
    """
    said = Answer(0)
    for n in range(1, TRIES + 1):
        said = (post or _post)(url, body, _headers(body, key, secret, now()))
        if 200 <= said.status < 300:
            return n
        if not (said.status in (0, 429) or said.status >= 500):
            break
        if n < TRIES:
            wait(_pause(said.after, n, now()))
    raise StoreError(
        f"webhook {urlsplit(url).hostname}", value=f"{said.status or 'no answer'} {said.text}".strip(),
        rule=f"a batch is taken with a status of 2xx, in at most {TRIES} tries",
        next_step="repair the receiving system, then export again: batches that arrived carry the same key",
    )  # fmt: skip


def _headers(body: bytes, key: str, secret: bytes | None, now: datetime) -> dict[str, str]:
    sent_at = int(now.replace(tzinfo=UTC).timestamp())
    found = {
        "content-type": "application/json", "webhook-id": key, "idempotency-key": key, "webhook-timestamp": str(sent_at)
    }  # fmt: skip
    return found | ({"webhook-signature": signature(secret, key, sent_at, body)} if secret else {})


def _pause(after: str | None, n: int, now: datetime) -> float:
    """Return the seconds to wait before the next try: what the system asked for, or twice as long as before."""
    asked: float = FIRST_WAIT * 2 ** (n - 1)
    if after and after.strip().isdigit():
        asked = float(after)
    elif after:
        try:
            asked = (parsedate_to_datetime(after) - now.replace(tzinfo=UTC)).total_seconds()
        except (ValueError, TypeError):
            return asked
    return min(max(asked, 0.0), LONGEST_WAIT)


def _post(url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    try:
        found = httpx.post(url, content=body, headers=dict(headers), timeout=TIMEOUT, follow_redirects=False)
    except httpx.TransportError as error:
        return Answer(0, None, type(error).__name__)
    return Answer(found.status_code, found.headers.get("retry-after"), found.text[:200])
