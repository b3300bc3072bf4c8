"""The command line: ``butfor [-C DIR] VERB`` for the daily path, ``butfor [-C DIR] NOUN VERB`` for things."""

from butfor.cli.main import main

__all__ = ["main"]
