"""Which model of buying the data carry, said in words: BG/NBD, or NBD where no dropout is visible."""

from __future__ import annotations

import msgspec

from butfor.profiles.value.bgnbd import MOST_A, Bgnbd, fit_bgnbd
from butfor.profiles.value.buyers import MOST_R, Array, Buyers
from butfor.profiles.value.nbd import Nbd, fit_nbd

# A mean chance to stop below one in a thousand purchases is the border of the likelihood, not a finding.
NO_DROPOUT = 1e-3
# Nor is one found where letting people stop gains less than chance does 19 times in 20: twice the gain is, at such
# a border, 0 or chi-square with one degree of freedom by even odds (Self and Liang 1987), whose point is 2.71.
LEAST_GAIN = 1.353


class Fitted(msgspec.Struct, frozen=True, kw_only=True):
    """The model that is used, and why; at the ``boundary`` without dropout it is the NBD and nobody has a P(alive).

    ``log_likelihood_other`` is that of the model that is not used; ``dropout`` is the fitted mean chance to
    stop after a purchase, also where it was too small to be used.
    """

    model: Bgnbd | Nbd
    boundary: bool
    dropout: float
    log_likelihood_other: float
    people: int
    sentences: list[str]

    @property
    def name(self) -> str:
        """Return the name of the model used."""
        return "NBD" if isinstance(self.model, Nbd) else "BG/NBD"

    def alive(self, buyers: Buyers) -> Array | None:
        """Return P(alive) for each group; None where no dropout is visible, for then it says nothing."""
        return None if isinstance(self.model, Nbd) else self.model.alive(buyers)


def fit(buyers: Buyers) -> Fitted:
    """Fit BG/NBD and NBD and say which to use; raise BadInput where nobody came back."""
    full, plain = fit_bgnbd(buyers), fit_nbd(buyers)
    gain = full.log_likelihood - plain.log_likelihood
    boundary = full.leaving < NO_DROPOUT or gain < LEAST_GAIN
    used, other = (plain, full) if boundary else (full, plain)
    return Fitted(
        model=used, boundary=boundary, dropout=full.leaving, log_likelihood_other=other.log_likelihood,
        people=buyers.size, sentences=[*_dropout(full, gain, boundary), *_rates(used)],
    )  # fmt: skip


def _dropout(full: Bgnbd, gain: float, boundary: bool) -> list[str]:
    if boundary:
        return [
            f"No dropout is visible in these data (a/(a+b) = {full.leaving:.1g}, and letting people stop raises the "
            f"log-likelihood by {max(gain, 0):.1f}): the plain NBD is used and P(alive) is not reported. More history, "
            "or data with people who left, would show it."
        ]
    found = [
        f"After a purchase {full.leaving:.1%} stop for good on average; letting people stop raises the "
        f"log-likelihood by {gain:,.1f}."
    ]
    if full.a > MOST_A * 0.99:
        found.append("The chance to stop is nearly the same for everybody.")
    return found


def _rates(used: Bgnbd | Nbd) -> list[str]:
    if used.r < MOST_R * 0.99:
        return []
    return ["All people buy at nearly one rate: their history adds nothing to it."]
