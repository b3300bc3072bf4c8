"""butfor: personalization that proves what it earned.

Open a workspace folder and use the same verbs as the command line::

    import butfor as bf

    with bf.open("shop") as ws:
        ws.load("till", "receipts.csv")
        ws.run()
        print(ws.audiences())
"""

from butfor.app import Workspace
from butfor.app import open_workspace as open  # noqa: A004 - reads as bf.open
from butfor.app import start as init
from butfor.model import BadDefinition, BadInput, ButforError, Evidence, Interval, Refused, StoreError

__version__ = "0.1.0"
__all__ = [
    "BadDefinition", "BadInput", "ButforError", "Evidence", "Interval", "Refused", "StoreError", "Workspace", "init", "open",
]  # fmt: skip
