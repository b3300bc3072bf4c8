"""Measure one set in a process of its own: ``python -m butfor.proof DATA NAME PLACE`` writes one JSON object."""

from __future__ import annotations

import sys

import msgspec

from butfor.proof.identity import measure_here

sys.stdout.write(msgspec.json.encode(measure_here(*sys.argv[1:])).decode())
