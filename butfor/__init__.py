"""butfor: personalization that proves what it earned.

Open a workspace folder and use the same verbs as the command line::

    import butfor as bf

    with bf.open("shop") as ws:
        ws.load("till", "receipts.csv")
        ws.run()
        print(ws.audiences())
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from butfor.model import BadDefinition, BadInput, ButforError, Evidence, Interval, Refused, StoreError

if TYPE_CHECKING:
    from butfor.app import Workspace
    from butfor.app import open_workspace as open  # noqa: A004 - reads as bf.open
    from butfor.app.start import start as init

__version__ = "0.1.0"
__all__ = [
    "BadDefinition", "BadInput", "ButforError", "Evidence", "Interval", "Refused", "StoreError", "Workspace", "init", "open",
]  # fmt: skip

_LAZY = {"Workspace": "Workspace", "open": "open_workspace", "init": "start"}


def __getattr__(name: str) -> Any:
    """Load the application when it is first used, so that importing one part does not load all of them."""
    if name not in _LAZY:
        raise AttributeError(f"module 'butfor' has no attribute {name!r}")
    from butfor import app

    return getattr(app, _LAZY[name])
