"""Shops whose truth is known, written as a brand's own source files.

Simulate a shop, write the six files a brand would deliver, decide who gets which message, let the weeks
after it pass, and compare what an analysis finds with what was planted::

    shop = simulate_shop(ShopSettings(people=20_000, seed=7))
    shop.write(folder)
    response = shop.respond(messages)      # a table of email and level
    response.write(folder)
    response.planted["personalised"]["expected_margin_per_person"]
"""

from butfor.simulate.settings import ShopSettings
from butfor.simulate.shop import Response, Shop, simulate_shop

__all__ = ["Response", "Shop", "ShopSettings", "simulate_shop"]
