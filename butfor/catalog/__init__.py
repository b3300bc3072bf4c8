"""What may be promised: points, bound to the account that earned them."""

from butfor.catalog.points import Balance, Posted, balance, check_balances, earn, redeem, statement

__all__ = ["Balance", "Posted", "balance", "check_balances", "earn", "redeem", "statement"]
