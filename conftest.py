"""Files that the examples of README and docs work on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

RECEIPTS = """receipt;sold_at;customer;article;quantity;unit_price
R1;2026-05-04 10:00:00;C1;tea;2;4.50
R1;2026-05-04 10:00:00;C1;cup;1;12.00
R2;2026-05-20 11:30:00;C2;tea;1;4.50
R3;2026-06-01 09:15:00;C1;tea;3;4.50
R4;2026-06-02 16:40:00;C3;cup;4;12.00
R5;2026-06-03 16:40:00;C3;cup;-1;12.00
"""


@pytest.fixture(autouse=True)
def receipts_for_examples(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[None]:
    """Run the examples of README and docs in a folder that holds a small file of receipts."""
    if not request.node.name.endswith(".md"):
        yield
        return
    (tmp_path / "receipts.csv").write_text(RECEIPTS, encoding="utf-8")
    before = Path.cwd()
    os.chdir(tmp_path)
    yield
    os.chdir(before)
