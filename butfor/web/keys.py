"""Write keys as the server knows them: read again each half second, so that a revoked one stops working."""

from __future__ import annotations

from butfor.app.keys import hashed
from butfor.store import Hub


class KeyRing:
    """The source of each key that is in use."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._by_hash: dict[str, str] = {}
        self._by_key: dict[str, str | None] = {}
        self.read()

    def read(self) -> None:
        """Read the keys of the hub again."""
        found = {r["hash"]: r["source"] for r in self._hub.rows("write_key") if r["revoked_at"] is None}
        if found != self._by_hash:
            self._by_hash, self._by_key = found, {}

    def source(self, key: str | None) -> str | None:
        """Return the source a key writes to, or None."""
        if not key:
            return None
        known = self._by_key
        if key not in known:
            # Guesses must not fill the memory.
            if len(known) > 10_000:
                known.clear()
            known[key] = self._by_hash.get(hashed(key))
        return known[key]

    @property
    def sources(self) -> set[str]:
        """Return the sources that have a key."""
        return set(self._by_hash.values())
