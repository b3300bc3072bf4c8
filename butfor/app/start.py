"""Make a new workspace: the plan first, then a source proposed from a sample."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from butfor.app.keys import add_key
from butfor.ingest.propose import Proposal, Question, apply_answer, propose
from butfor.ingest.sniff import sniff
from butfor.model import Refused
from butfor.plan import load_workspace_file, retail_plan, save_definition, save_workspace_file
from butfor.plan.files import FILE, find_file
from butfor.plan.kinds import IdentityDecision, Metric, Source
from butfor.plan.kinds import Workspace as WorkspaceFile

Ask = Callable[[Question], str]

# Draft until somebody sends: then status: active says that its events are delivered.
SITE = Source(
    id="site", label="Our site and app", connector="segment", grain="event", status="draft",
    # Who is logged in is the site's own knowledge; what is typed there is not.
    confirms=["customer_id"], means="Calls of any SDK of Segment, RudderStack or Jitsu, taken by butfor serve.",
)  # fmt: skip


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """What ``init`` wrote: the source it proposed, how sure it is of each column, and what is still open."""

    folder: str
    source: str | None
    file: str | None
    confidence: dict[str, float] = {}
    because: dict[str, str] = {}
    facts: list[str] = []
    questions: list[Question] = []
    next: str = ""
    write_key: str | None = None


def start(
    folder: str | Path,
    file: str | None = None,
    *,
    name: str | None = None,
    table: str | None = None,
    currency: str | None = None,
    margin: float | None = None,
    ask: Ask | None = None,
    now: datetime | None = None,
) -> Started:
    """Write a new workspace into ``folder``, or add a proposed source to one that is there.

    With ``file`` (a path or an SQL URL) its head is sampled and a source is proposed. ``ask`` is called for each
    question; without it the proposals are taken and the questions stay listed in ``butfor.yaml``.
    Raises Refused when the workspace has that source already, BadInput when the file cannot be read.
    """
    path = Path(folder)
    moment = now or datetime.now(UTC).replace(tzinfo=None)
    proposal, facts = None, list[str]()
    if file is not None:
        sample = sniff(file, table)
        facts = sample.facts
        proposal = _answered(propose(sample, name or source_name(table or file), moment), ask)
    if (path / FILE).exists():
        _add_source(path, proposal)
        return _started(path, file, proposal, facts, answered=ask is not None)
    _write_new(path, proposal, currency, margin, answered=ask is not None)
    made = _started(path, file, proposal, facts, answered=ask is not None)
    return msgspec.structs.replace(made, write_key=add_key(path, SITE.id, moment).write_key)


def source_name(file: str) -> str:
    """Return a source id from a file's name.

    >>> source_name("Till-Export 2024_11.csv.gz")
    'till_export'
    """
    from butfor.plan.rules.naming import suggest

    return suggest(Path(file.split("?")[0]).name.split(".")[0])


def _answered(proposal: Proposal, ask: Ask | None) -> Proposal:
    for question in proposal.questions if ask else []:
        assert ask is not None
        if len(question.choices) == 1:
            continue
        answer = ask(question)
        if answer != question.answer:
            proposal = apply_answer(proposal, question.key, answer)
    return proposal


def _write_new(
    path: Path, proposal: Proposal | None, currency: str | None, margin: float | None, *, answered: bool
) -> None:
    path.mkdir(parents=True, exist_ok=True)
    money = currency or (proposal.currency if proposal else None) or "EUR"
    for definition in retail_plan():
        if isinstance(definition, Metric) and definition.id == "margin_per_person":
            definition = msgspec.structs.replace(definition, margin=margin)
        save_definition(path, definition)
    for term in proposal.new_terms if proposal else []:
        save_definition(path, term)
    if proposal is None or proposal.source.id != SITE.id:
        save_definition(path, SITE)
    if proposal:
        save_definition(path, proposal.source)
    # The workspace file comes last: a folder has it only when the plan in it is whole.
    save_workspace_file(path, _workspace(path, proposal, money, margin, answered=answered))
    ignore = path / ".gitignore"
    if not ignore.exists():
        ignore.write_text(".butfor/\n", encoding="utf-8")


def _workspace(
    path: Path, proposal: Proposal | None, currency: str, margin: float | None, *, answered: bool
) -> WorkspaceFile:
    identity = IdentityDecision(
        primary=proposal.identity_primary if proposal else "customer_id",
        ranked=proposal.identity_ranked if proposal else ["loyalty_card", "email"],
        why="proposed by butfor init; confirm it, or write why another identifier tells people apart better",
    )
    questions = (
        [f"{q.key}: {q.text} (taken: {q.answer})" for q in proposal.questions]
        if proposal and not answered
        else []
    )
    return WorkspaceFile(
        version=1,
        name=path.resolve().name,
        currency=currency,
        time_zone=proposal.source.time_zone if proposal else "UTC",
        clock=proposal.clock if proposal else "now",
        margin=margin,
        identity=identity,
        questions=questions,
    )


def _add_source(path: Path, proposal: Proposal | None) -> None:
    if proposal is None or find_file(path, "source", proposal.source.id):
        raise Refused(
            f"workspace {path}",
            value=f"has source {proposal.source.id}" if proposal else "is there already",
            rule="init writes a new workspace, or a source the workspace does not have; nothing was changed",
            next_step="load into the source that is there, or give --name for another one",
        )
    for term in proposal.new_terms:
        save_definition(path, term)
    save_definition(path, proposal.source)
    workspace = load_workspace_file(path)
    if workspace.identity is not None:
        ranked = dict.fromkeys(
            [*workspace.identity.ranked, proposal.identity_primary, *proposal.identity_ranked]
        )
        ranked.pop(workspace.identity.primary, None)
        identity = msgspec.structs.replace(workspace.identity, ranked=list(ranked))
        save_workspace_file(path, msgspec.structs.replace(workspace, identity=identity))


def _started(
    path: Path, file: str | None, proposal: Proposal | None, facts: list[str], *, answered: bool
) -> Started:
    if proposal is None:
        return Started(
            folder=str(path),
            source=None,
            file=None,
            next=f"butfor init {path} --from FILE adds a source from a sample",
        )
    return Started(
        folder=str(path),
        source=proposal.source.id,
        file=file,
        confidence=proposal.confidence,
        because=proposal.because,
        facts=facts,
        questions=[] if answered else proposal.questions,
        next=f"butfor -C {path} load {proposal.source.id} {file}",
    )
