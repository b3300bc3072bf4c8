"""Hub and lake of a workspace are of a kind that can be opened."""

from collections.abc import Iterator

from butfor.plan.files import Plan
from butfor.plan.finding import Finding

CODE = "STORE"
LEVEL = "error"
WHY = "a workspace whose stores cannot be opened can neither load nor run"
HUBS = ("sqlite", "postgresql://HOST/NAME", "env:VARIABLE")
LAKES = ("duckdb", "duckdb:PATH", "sc://HOST:PORT")
_OPEN = {
    "hub": ("postgresql://", "postgresql+psycopg://", "env:"),
    "lake": ("duckdb:", "sc://"),
}


def check(plan: Plan) -> Iterator[Finding]:
    """Yield addresses of hub and lake whose scheme is unknown."""
    for field, forms in (("hub", HUBS), ("lake", LAKES)):
        address = getattr(plan.workspace, field)
        if address != forms[0] and not address.startswith(_OPEN[field]):
            scheme = address.split("://")[0].split(":")[0]
            yield Finding(
                None, field, f"{field} is of unknown kind {scheme!r}",
                f"write {', '.join(forms)}; {field}: {forms[0]} keeps it in the workspace folder",
            )  # fmt: skip
