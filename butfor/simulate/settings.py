"""What a simulated shop is made of: the settings, and the errors of settings that cannot be."""

from __future__ import annotations

from datetime import date

import msgspec

from butfor.model import BadInput

SHARES = (
    "never_bought", "typo_rate", "duplicate_rate", "second_address_rate", "shared_device_rate",
    "return_rate", "anonymous_receipts", "guest_orders", "newsletter_rate", "margin_rate",
    "generic_lift", "personalised_lift",
)  # fmt: skip
WHOLE = ("people", "seed", "days", "newsletters")
BOUNDS: dict[str, tuple[float, float]] = {
    "people": (10, 5_000_000),
    "seed": (0, 2**63 - 1),
    "days": (60, 1_500),
    "newsletters": (0, 24),
    "orders_per_month": (0.01, 15),
    "active_days": (10, 5_000),
    "personalised_lines": (0, 5),
}


class ShopSettings(msgspec.Struct, frozen=True, kw_only=True):
    """All that determines a shop. Shares lie in [0, 1]; equal settings give byte-identical files.

    Attributes:
        people: real persons behind all the accounts.
        seed: start of every random stream.
        days: length of the history in days; its last day is ``ends``.
        ends: last day of the history, in the shop's own zone (Europe/Berlin).
        never_bought: share of people who registered but never ordered in the history.
        orders_per_month: mean orders per 30 days of a person while active (gamma over people).
        active_days: typical length in days of the active phase (heavy tailed over people).
        typo_rate: share of written names and e-mail addresses with a slip.
        duplicate_rate: share of people with a second CRM record.
        second_address_rate: share of people who own a second real e-mail address.
        shared_device_rate: share of people who share a browser with a partner.
        return_rate: chance that an order line comes back.
        anonymous_receipts: share of till receipts without a card number.
        guest_orders: share of web orders placed as a guest, under a fresh customer number.
        newsletter_rate: share of CRM records with newsletter = yes.
        newsletters: newsletters sent during the history.
        margin_rate: margin as a share of net revenue.
        generic_lift: chance that a generic message causes one order that would not have been.
        personalised_lift: the same for a personalised message.
        personalised_lines: mean additional lines in an order that a personalised message caused.
    """

    people: int = 20_000
    seed: int = 7
    days: int = 540
    ends: date = date(2026, 6, 30)
    never_bought: float = 0.10
    orders_per_month: float = 0.75
    active_days: float = 220.0
    typo_rate: float = 0.03
    duplicate_rate: float = 0.12
    second_address_rate: float = 0.20
    shared_device_rate: float = 0.04
    return_rate: float = 0.06
    anonymous_receipts: float = 0.30
    guest_orders: float = 0.06
    newsletter_rate: float = 0.75
    newsletters: int = 4
    margin_rate: float = 0.4
    generic_lift: float = 0.022
    personalised_lift: float = 0.048
    personalised_lines: float = 0.25

    def __post_init__(self) -> None:
        """Refuse settings that describe no shop.

        Raises:
            BadInput: names the setting, its value, its bounds and what to do.
        """
        if type(self.ends) is not date:
            rule = "a datetime.date"
            raise BadInput(
                "shop setting ends", value=self.ends, rule=rule, next_step="pass date(2026, 6, 30)"
            )
        for name, (low, high) in (BOUNDS | dict.fromkeys(SHARES, (0.0, 1.0))).items():
            _check(name, getattr(self, name), low, high)


def _check(name: str, value: float, low: float, high: float) -> None:
    kind: tuple[type, ...] = (int,) if name in WHOLE else (int, float)
    if type(value) not in kind or not low <= value <= high:
        raise BadInput(
            f"shop setting {name}",
            value=value,
            rule=f"a {'whole ' if name in WHOLE else ''}number from {low:g} to {high:g}",
            next_step=f"pass ShopSettings({name}=...) inside these bounds",
        )
