"""A proxy between SDKs and the server that behaves like a bad network: drops, delays, doubles, answers 500 and 429."""

from __future__ import annotations

import asyncio
import random
import threading
from collections import Counter
from types import TracebackType

FAULTS = ("drop_before", "drop_after", "twice", "delay", "error_500", "error_429")
_LIMITED = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"
_BROKEN = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"
_AWAY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"


class FaultyProxy:
    """Runs in a thread of its own; a share of requests meets one of the faults."""

    def __init__(self, port: int, share: float = 0.3, seed: int = 7) -> None:
        self._target, self._share, self._random = port, share, random.Random(seed)
        self.met: Counter[str] = Counter()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> FaultyProxy:
        self._thread.start()
        made = asyncio.run_coroutine_threadsafe(asyncio.start_server(self._serve, "127.0.0.1", 0), self._loop)
        self._server = made.result(10)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def calm(self) -> None:
        """Let everything through from now on."""
        self._share = 0.0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := await _message(reader):
                fault = self._random.choice(FAULTS) if self._random.random() < self._share else "none"
                self.met[fault] += 1
                answer = await self._through(request, fault)
                if answer is None:
                    break
                writer.write(answer)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    async def _through(self, request: bytes, fault: str) -> bytes | None:
        """Return what the client gets to see; None to hang up."""
        match fault:
            case "drop_before":
                return None
            case "error_500":
                return _BROKEN
            case "error_429":
                return _LIMITED
            case "delay":
                await asyncio.sleep(self._random.random() * 0.3)
            case "twice":
                await self._ask(request)
        answer = await self._ask(request)
        return None if fault == "drop_after" else answer

    async def _ask(self, request: bytes) -> bytes:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._target)
            try:
                writer.write(request)
                answer = await _message(reader)
                self.met[f"server {answer[9:12].decode()}" if answer else "server hung up"] += 1
                return answer or _AWAY
            finally:
                writer.close()
        except OSError:
            self.met["away"] += 1
            return _AWAY


async def _message(reader: asyncio.StreamReader) -> bytes | None:
    """Read one HTTP message, or None when the other side hung up."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        if b"transfer-encoding: chunked" in lines:
            body = b""
            while not body.endswith(b"0\r\n\r\n"):
                body += await reader.readuntil(b"\r\n")
            return head + body
        size = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)
        return head + await reader.readexactly(size)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
