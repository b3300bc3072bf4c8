"""``python -m butfor`` is ``butfor``."""

from butfor.cli import main

main()
