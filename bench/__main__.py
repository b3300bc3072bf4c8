"""``make bench``: run every benchmark, print ratios, and exit 1 when a target is missed.

Name some of them to run only those: ``python -m bench load rfm``. ``--seeds N`` shortens the coverage run,
the variable BUTFOR_SEQUENCES that of the invariants.
"""

from __future__ import annotations

import sys

from bench import audiences, coverage, invariants, latency, live, load, online_identity, rfm, scorecard, skew

RUNS = {
    "load": load.run,
    "live": live.run,
    "online": online_identity.run,
    "latency": latency.run,
    "rfm": rfm.run,
    "audiences": audiences.run,
    "scorecard": scorecard.run,
    "skew": skew.main,
    "coverage": coverage.run,
    "invariants": invariants.run,
}


def main(arguments: list[str]) -> int:
    """Run the named benchmarks, or all of them."""
    seeds = int(arguments[arguments.index("--seeds") + 1]) if "--seeds" in arguments else 100
    names = [a for a in arguments if a in RUNS] or list(RUNS)
    missed = 0
    for name in names:
        print(f"running {name} ...", file=sys.stderr, flush=True)
        result = coverage.run(seeds) if name == "coverage" else RUNS[name]()
        if result is not None:
            print(result, flush=True)
            missed += not getattr(result, "met", True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
