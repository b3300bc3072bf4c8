"""Hand a message to a provider; for now, to a file that shows what would have been sent."""

from butfor.channels.dry_run import DryRun, Message, Receipt, channel

__all__ = ["DryRun", "Message", "Receipt", "channel"]
