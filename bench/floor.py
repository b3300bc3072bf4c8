"""Time a piece of work and its floor in turns, so that both meet the same machine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import msgspec


class Ratio(msgspec.Struct, frozen=True, kw_only=True):
    """Median seconds of the work and of its floor, their ratio, and the ratio to reach."""

    name: str
    seconds: float
    floor: float
    ratio: float
    target: float
    note: str = ""

    @property
    def met(self) -> bool:
        return self.ratio <= self.target

    def __str__(self) -> str:
        return (
            f"{'ok  ' if self.met else 'MISS'} {self.name}: {self.ratio:.2f}x (to reach {self.target}x); "
            f"{self.seconds:.2f} s against {self.floor:.2f} s {self.note}"
        )


def against(
    name: str,
    work: Callable[[], object],
    floor: Callable[[], object],
    *,
    target: float,
    rounds: int = 3,
    note: str = "",
) -> Ratio:
    """Run floor and work in turns and compare their medians."""
    times: dict[str, list[float]] = {"work": [], "floor": []}
    for _ in range(rounds):
        for label, run in (("floor", floor), ("work", work)):
            began = time.perf_counter()
            run()
            times[label].append(time.perf_counter() - began)
    seconds, least = statistics.median(times["work"]), statistics.median(times["floor"])
    return Ratio(name=name, seconds=seconds, floor=least, ratio=seconds / least, target=target, note=note)
