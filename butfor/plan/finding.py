"""What a rule of the plan says when something is wrong."""

from __future__ import annotations

from typing import Literal

import msgspec

from butfor.plan.kinds import Definition


class Finding(msgspec.Struct, frozen=True):
    """One finding: about which definition (None: the workspace file), at which dotted path, and the next step."""

    definition: Definition | None
    path: str
    what: str
    next: str
    level: Literal["error", "warning"] | None = None
