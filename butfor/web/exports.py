"""The API of audiences out and in: exports and their repetition, a brand's own segment table, recipes."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Literal

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler

from butfor.app.export import Exported, export_audience, exports, sync
from butfor.app.recipe import Logged, Shown, approve_recipe, recipe_log, recipes, run_recipe, show_recipe
from butfor.app.segment_table import Advice, Imported, advise, import_segments
from butfor.model import BadInput
from butfor.web.routes import Asked, Filled, Routes, Text, Who, responses

# Files that the API writes are in this folder of the workspace, and nowhere else.
FOLDER = "exports"


class Export(Asked, kw_only=True):
    """Where to, for which channel and what: an https address, or the name of a .csv or .parquet file in the folder exports."""

    to: Filled
    who: Who
    channel: Literal["list", "email", "sms", "push", "promotion"] = "list"
    purpose: Literal["messages", "ads"] = "messages"
    changes: bool = False
    columns: list[Text] = []


class Segments(Asked, kw_only=True):
    """A table as CSV, the column that names the customer and the one that names the segment."""

    csv: Filled
    key: Filled
    segment: Filled
    why: Filled
    who: Who


class By(Asked, kw_only=True):
    """Who does it."""

    who: Who


class Exports(Routes):
    """The routes about exports, segment tables and recipes."""

    tag = "exports"

    def handlers(self) -> list[HTTPRouteHandler]:
        """Return the routes."""
        return [*self._exports(), *self._segments(), *self._recipes()]

    def _exports(self) -> list[HTTPRouteHandler]:
        ws, locked = self.ws, self.locked

        @post("/audiences/{name:str}/exports", status_code=200, sync_to_thread=True, responses=responses())
        def export(name: str, data: Export) -> Exported:
            """Hand an audience over, whole or as changes; the membership hash is the same on every channel."""

            def act() -> Exported:
                return export_audience(
                    ws, name, self._place(data.to), data.channel, purpose=data.purpose, changes=data.changes,
                    columns=data.columns, who=data.who,
                )  # fmt: skip

            return locked(act)  # type: ignore[no-any-return]

        @get("/exports", sync_to_thread=True, responses=responses())
        def all_exports() -> list[dict[str, Any]]:
            """Every export that was made."""
            return exports(ws)

        @post("/exports/sync", status_code=200, sync_to_thread=True, responses=responses())
        def sync_all(data: By) -> list[Exported]:
            """Bring every place that an audience went to up to date."""
            return locked(lambda: sync(ws, who=data.who))  # type: ignore[no-any-return]

        return [export, all_exports, sync_all]

    def _place(self, to: str) -> str:
        if to.startswith(("https://", "http://")):
            return to
        if Path(to).name != to or to.startswith("."):
            raise BadInput(
                "to", value=to, rule="an address, or the name of a file in the folder exports of the workspace", next_step="such as win_back.csv"
            )  # fmt: skip
        folder = self.ws.folder / FOLDER
        folder.mkdir(exist_ok=True)
        return str(folder / to)

    def _segments(self) -> list[HTTPRouteHandler]:
        ws, locked = self.ws, self.locked

        @post("/segments", status_code=200, sync_to_thread=True, responses=responses())
        def segments(data: Segments) -> Imported:
            """Make audiences of one's own segment table, and say whether a gateway alone would do."""
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "segments.csv"
                path.write_text(data.csv, encoding="utf-8")
                return locked(  # type: ignore[no-any-return]
                    lambda: import_segments(ws, str(path), data.key, data.segment, why=data.why, who=data.who)
                )

        @get("/advice", sync_to_thread=True, responses=responses())
        def advice() -> Advice:
            """Whether a gateway alone would do, why, and what would change that."""
            return locked(lambda: advise(ws))  # type: ignore[no-any-return]

        return [segments, advice]

    def _recipes(self) -> list[HTTPRouteHandler]:
        ws, locked = self.ws, self.locked

        @get("/recipes", sync_to_thread=True, responses=responses())
        def all_recipes() -> list[dict[str, Any]]:
            """The recipes there are, and what each does."""
            return [{"recipe": r.id, "label": r.label, "does": r.does} for r in recipes()]

        @get("/recipes/{name:str}", sync_to_thread=True, responses=responses())
        def one_recipe(name: str) -> Shown:
            """What a recipe would do here: steps, people, held out, cost at most."""
            return locked(lambda: show_recipe(ws, name))  # type: ignore[no-any-return]

        @post("/recipes/{name:str}/approval", status_code=200, sync_to_thread=True, responses=responses())
        def approval(name: str, data: By) -> Shown:
            """The client's one approval of what is shown."""
            return locked(lambda: approve_recipe(ws, name, data.who))  # type: ignore[no-any-return]

        @post("/recipes/{name:str}/runs", status_code=200, sync_to_thread=True, responses=responses())
        def run(name: str, data: By) -> list[Logged]:
            """The operator's next step, up to the readout; repeating it does nothing twice."""
            return locked(lambda: run_recipe(ws, name, data.who))  # type: ignore[no-any-return]

        @get("/recipes/{name:str}/log", sync_to_thread=True, responses=responses())
        def log(name: str) -> list[dict[str, Any]]:
            """Every step, by whom, what it cost, and the readout."""
            return [dict(msgspec.to_builtins(r, enc_hook=str)) for r in locked(lambda: recipe_log(ws, name))]

        return [all_recipes, one_recipe, approval, run, log]
