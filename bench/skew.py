"""How often a holdout on skewed money lies: A/A draws from the real spend of Hillstrom's control group.

Every draw gives both arms the same distribution, so each declared lift is false; 2.5 % on either side is
what the 95 % interval promises. Rows and published shares are those of the house's measurements.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import duckdb
import numpy as np
from scipy import special

WHERE = "BUTFOR_DATA"
FILE = "hillstrom/hillstrom.csv.gz"


class Row(NamedTuple):
    customers: int
    holdout: float
    welch: tuple[float, float]
    corrected: tuple[float, float] | None


PUBLISHED = (
    Row(21_306, 0.50, (2.35, 2.46), (3.1, 3.1)),
    Row(21_306, 0.10, (10.0, 0.5), (5.5, 2.2)),
    Row(21_306, 0.05, (15.0, 0.1), (6.5, 1.7)),
    Row(21_306, 0.01, (41.2, 0.0), None),
    Row(213_060, 0.10, (4.1, 1.3), (2.5, 2.4)),
    Row(213_060, 0.05, (5.2, 1.1), (2.3, 2.4)),
    Row(213_060, 0.02, (7.9, 0.5), (2.3, 2.0)),
    Row(2_130_600, 0.05, (3.0, 2.3), (2.3, 2.8)),
)


class Measured(NamedTuple):
    """False lifts above and below 0, in percent of draws."""

    welch: tuple[float, float]
    corrected: tuple[float, float]


def control_spend(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the distinct spends of the control group and their probabilities."""
    query = "SELECT spend, count(*) FROM read_csv(?) WHERE segment = 'No E-Mail' GROUP BY ALL ORDER BY ALL"
    rows = duckdb.execute(query, [str(path)]).fetchall()
    values, counts = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    return values, counts / counts.sum()


def measure(
    values: np.ndarray, chances: np.ndarray, customers: int, holdout: float, draws: int, seed: int
) -> Measured:
    """Draw two arms from the same spends ``draws`` times; count lifts declared at 95 %."""
    rng = np.random.default_rng(seed)
    n_control = round(customers * holdout)
    treatment = _moments(rng, values, chances, customers - n_control, draws)
    control = _moments(rng, values, chances, n_control, draws)
    with np.errstate(divide="ignore", invalid="ignore"):  # an arm without a single buyer
        z, limit, g = studentised(treatment, control)
        corrected = edgeworth(z, g)
    return Measured(_false_lifts(z, limit), _false_lifts(corrected, limit))


def _moments(rng, values, chances, n, draws):
    # Few distinct spends: counting how often each was drawn is enough, however many customers there are.
    counts = rng.multinomial(n, chances, size=draws)
    s1, s2, s3 = (counts @ values**k / n for k in (1, 2, 3))
    return n, s1, (s2 - s1**2) * n / (n - 1), s3 - 3 * s1 * s2 + 2 * s1**3


def studentised(treatment, control):
    (n1, m1, v1, t1), (n0, m0, v0, t0) = treatment, control
    se2 = v1 / n1 + v0 / n0
    df = se2**2 / ((v1 / n1) ** 2 / (n1 - 1) + (v0 / n0) ** 2 / (n0 - 1))
    skew = (t1 / n1**2 - t0 / n0**2) / se2**1.5
    return (m1 - m0) / np.sqrt(se2), special.stdtrit(df, 0.975), skew


def edgeworth(z, g):
    turn = -3 / (2 * g)
    z = np.where(g < 0, np.minimum(z, turn), np.where(g > 0, np.maximum(z, turn), z))
    return z + g / 6 * (2 * z * z + 1)


def _false_lifts(z, limit):
    return 100 * float(np.mean(z > limit)), 100 * float(np.mean(z < -limit))


def data_file() -> Path:
    """Return where the spends lie: ``$BUTFOR_DATA``, by default ``../shared/data`` beside the repository."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    return Path(os.environ.get(WHERE, beside)) / FILE


def main(draws: int = 20_000, seed: int = 20080320) -> None:
    """Print the measured shares beside the published ones."""
    path = data_file()
    if not path.exists():
        print(f"Set {WHERE} to the folder that holds {FILE} (Hillstrom's e-mail test).")
        raise SystemExit(1)
    values, chances = control_spend(path)
    print(f"False lifts in A/A tests, above 0 / below 0, in % of {draws:,} draws (seed {seed})")
    print("The 95 % interval promises 2.5 / 2.5.")
    titles = ("Welch", "published", "corrected", "published")
    print(f"{'customers':>10} {'holdout':>8} " + " ".join(f"{title:>13}" for title in titles))
    for row in PUBLISHED:
        found = measure(values, chances, row.customers, row.holdout, draws, seed)
        cells = [found.welch, row.welch, found.corrected, row.corrected]
        shown = [f"{pair[0]:.2f} / {pair[1]:.2f}" if pair else "-" for pair in cells]
        print(f"{row.customers:>10,} {row.holdout:>8.0%} " + " ".join(f"{text:>13}" for text in shown))


if __name__ == "__main__":
    main()
