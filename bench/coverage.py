"""Whether the demo's 95 % interval covers the planted margin as often as it says: the whole demo over many seeds."""

from __future__ import annotations

import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import msgspec


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """In how many of the seeds the interval covered the truth, and the mean error relative to the truth."""

    seeds: int
    covered: int
    mean_error: float
    missed: list[int]

    @property
    def met(self) -> bool:
        return 0.9 * self.seeds <= self.covered <= 0.99 * self.seeds

    def __str__(self) -> str:
        return (
            f"{'ok  ' if self.met else 'MISS'} coverage: the 95 % interval covers the planted margin in {self.covered} of {self.seeds} "
            f"seeds (to reach 90 to 99 %); mean error {self.mean_error:+.1%} of the planted margin; missed: {self.missed}"
        )


def one(seed: int, people: int = 20_000) -> tuple[int, bool, float, float]:
    """Run the demo for one seed; return whether it covered, and planted and measured margin."""
    from butfor.demo import run_demo

    with tempfile.TemporaryDirectory() as folder:
        result = run_demo(Path(folder) / "demo", people=people, seed=seed).result
    return seed, result.covered, result.planted_margin, result.measured_margin


def run(seeds: int = 100) -> Coverage:
    """Run the demo for seeds 1 to ``seeds``, two at a time."""
    found = []
    with ProcessPoolExecutor(2) as pool:
        for each in pool.map(one, range(1, seeds + 1)):
            found.append(each)
            print(f"\rcoverage: {len(found)} of {seeds} seeds", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    planted, measured = sum(f[2] for f in found), sum(f[3] for f in found)
    missed = [f[0] for f in found if not f[1]]
    return Coverage(
        seeds=seeds, covered=seeds - len(missed), mean_error=measured / planted - 1, missed=missed
    )
