"""Opens a workspace folder into one object; the only place where things are built."""

from butfor.app.start import Started, start
from butfor.app.money import ArmReturn
from butfor.app.workspace import Ran, Workspace, open_workspace

__all__ = ["ArmReturn", "Ran", "Started", "Workspace", "open_workspace", "start"]
