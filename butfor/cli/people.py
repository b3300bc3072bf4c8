"""Commands about people: customer, identity, review, points, consent."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import typer
from rich.console import Console
from rich.markup import escape

from butfor.app import open_workspace
from butfor.app.customer import Customer, Happened, customer, find_people
from butfor.app.link import LinkRun, link_people
from butfor.app.people import Decided, account_of, credit, decide_review, judge_pair, undo, withdraw
from butfor.app.privacy import Erased, erase_person, export_person
from butfor.app.workspace import Workspace
from butfor.catalog import balance, check_balances, redeem, statement
from butfor.channels.consent import GIVEN, WITHDRAWN, Statement, consents, say
from butfor.cli.show import JSON, emit, moment, progress, table, text
from butfor.identity.recount import as_rows, judge_all
from butfor.model import BadInput

WHY = typer.Option(..., "--why", help="the reason, in one sentence; it is kept with the decision")
AS = typer.Option(None, "--as", metavar="NAME", help="who decides; default: who is logged in")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    groups: dict[str, tuple[Callable[..., None], ...]] = {
        "customer": (customer_show, customer_find, customer_export, customer_erase),
        "identity": (identity_link, identity_diff, identity_log, identity_judgements, identity_merge, identity_separate, identity_withdraw, identity_undo),
        "review": (review_list, review_approve, review_refuse),
        "points": (points_show, points_earn, points_redeem, points_check),
        "consent": (consent_show, consent_give, consent_withdraw),
    }  # fmt: skip
    for noun, verbs in groups.items():
        named = {v.__name__.split("_")[1]: v for v in verbs}
        group = typer.Typer(no_args_is_help=True, help=f"{noun}: {', '.join(named)}")
        for name, verb in named.items():
            group.command(name=name)(verb)
        app.add_typer(group, name=noun)


def customer_show(
    ctx: typer.Context,
    name: str = typer.Argument(help="person id, account id, source:key, e-mail, phone or card"),
    last: int = typer.Option(40, help="how many entries of the timeline to show"),
    as_json: bool = JSON,
) -> None:
    """Show one customer: accounts, golden record with sources, audiences, consents, and one timeline.

    Example: `butfor -C shop customer show ann@shop.org`
    """
    with open_workspace(ctx.obj) as ws:
        found = customer(ws, name)
    emit(found, as_json, lambda console: _show_customer(console, found, last))


def _show_customer(console: Console, found: Customer, last: int) -> None:
    console.print(f"[bold]person {found.person_id}[/]  in {', '.join(found.audiences) or 'no audience'}")
    rows = [
        {"account": f"{a.source}:{a.account_key}", "points": a.points, "id": a.account_id}
        for a in found.accounts
    ]
    console.print(table(rows, ["account", "points", "id"], right=["points"]))
    known = [
        {
            "": k.term, "value": k.value, "from": f"{k.source}, {k.seen_at:%Y-%m-%d}",
            "others say": "; ".join(f"{s}: {v}" for s, v in k.others.items()),
        }
        for k in found.record
    ]  # fmt: skip
    console.print(table([*known, *_identifiers(found)], ["", "value", "from", "others say"]))
    for c in found.consents:
        colour = "green" if c.verdict == GIVEN else "red"
        console.print(
            f"[{colour}]{c.channel} {escape(c.address)}: {c.verdict}[/] since {text(c.since)} ({escape(c.source)})"
        )
    lines = [
        {"when": text(h.at), "what": h.what, "source": h.source, "details": _details(h)}
        for h in found.timeline
    ]
    console.print(table(lines[:last], ["when", "what", "source", "details"], title="timeline"))
    if len(lines) > last:
        console.print(f"[dim]and {len(lines) - last} earlier entries: --last {len(lines)}[/]")


def _identifiers(found: Customer) -> list[dict[str, Any]]:
    by_value: dict[tuple[str, str], dict[str, bool]] = {}
    for i in found.identifiers:
        sources = by_value.setdefault((i.term, i.value), {})
        sources[i.source] = sources.get(i.source, False) or i.verified
    return [
        {
            "": term,
            "value": value,
            "from": ", ".join(s if sure else f"{s} (not verified)" for s, sure in sources.items()),
        }
        for (term, value), sources in sorted(by_value.items())
    ]


def _details(happened: Happened) -> str:
    out = []
    for key, value in happened.details.items():
        if key == "products":
            out += [
                f"{text(p.get('quantity'))} x {p.get('name') or p.get('product_id')} paid {text(p.get('paid'))}"
                for p in value
            ]
        elif key != "accounts":
            out.append(f"{key} {text(value)}")
    return ", ".join(out)


def customer_find(ctx: typer.Context, what: str, as_json: bool = JSON) -> None:
    """Find accounts, and their people, by e-mail, phone, card or account key. Example: `butfor -C shop customer find K1`."""
    with open_workspace(ctx.obj) as ws:
        rows = find_people(ws, what)
    emit(rows, as_json, lambda c: c.print(table(rows, ["person_id", "source", "account_key", "account_id"])))


def customer_export(
    ctx: typer.Context, name: str,
    out: Path = typer.Option(..., "--out", metavar="FILE", help="the JSON file to write"),
    as_json: bool = JSON,
) -> None:  # fmt: skip
    """Write all that is known of a customer to one file (GDPR article 15). Example: `butfor -C shop customer export K1 --out k1.json`."""
    with open_workspace(ctx.obj) as ws:
        found = export_person(ws, name, out)
    done = {"file": str(out), "accounts": len(found.accounts), "entries": len(found.timeline)}
    emit(done, as_json, lambda c: c.print(f"{out}: {done['accounts']} accounts, {done['entries']} entries"))


def customer_erase(
    ctx: typer.Context, name: str, why: str = WHY, who: str = AS,
    yes: bool = typer.Option(False, "--yes", help="do not ask; erasing cannot be undone"),
    as_json: bool = JSON,
) -> None:  # fmt: skip
    """Erase a customer from all stores, with proof; receipts stay without a name (GDPR article 17).

    Example: `butfor -C shop customer erase ann@shop.org --why "her request of 2026-07-01" --yes`
    """
    with open_workspace(ctx.obj) as ws:
        known = customer(ws, name)
        if not yes and not typer.confirm(
            f"erase person {known.person_id} with {len(known.accounts)} accounts for ever?"
        ):
            raise typer.Exit(1)
        done = erase_person(ws, name, why, who)
    emit(done, as_json, lambda console: _show_erased(console, done))


def _show_erased(console: Console, done: Erased) -> None:
    console.print(f"[bold]erased[/] {done.accounts} accounts")
    rows = [{"removed from": k, "rows": v} for k, v in done.removed.items()]
    console.print(table(rows, ["removed from", "rows"], right=["rows"]))
    for term, n in done.kept_events.items():
        console.print(f"kept without a name: {n} {term}")
    if done.kept_apart:
        console.print(f"kept by law, apart: {escape(done.kept_apart)}")
    left = sum(done.found_after.values())
    console.print(
        f"[{'green' if not left else 'red'}]a search of both stores finds {left} rows of this person[/]"
    )


def identity_diff(ctx: typer.Context, as_json: bool = JSON) -> None:
    """Show who would be merged and split by the next run, and change nothing. Example: `butfor -C shop identity diff`."""
    with open_workspace(ctx.obj) as ws:
        ws.ensure_tables()
        judged = judge_all(ws.hub, ws.lake, ws.plan)
    rows = as_rows(judged)
    data = {"before": judged.people_before, "found": judged.found, "changes": rows}
    emit(data, as_json, lambda console: _show_diff(console, judged.people_before, judged.found.people, rows))


def _show_diff(console: Console, before: int, after: int, rows: list[dict[str, Any]]) -> None:
    merged = sum(r["kind"] == "merge" for r in rows)
    console.print(
        f"{before:,} people now, {after:,} after: {merged:,} merges, {len(rows) - merged:,} splits; nothing was changed"
    )
    shown = [r | {"accounts": len(r["accounts"])} for r in rows[:30]]
    console.print(table(shown, ["kind", "person_id", "other_id", "accounts"], right=["accounts"]))


def identity_link(
    ctx: typer.Context,
    dry: bool = typer.Option(False, "--dry-run", help="show what would be joined, and change nothing"),
    accept_merges: bool = typer.Option(
        False, help="join them even when it is an unusual share of all people"
    ),
    as_json: bool = JSON,
) -> None:
    """Find people who are alike though no number joins them: typing errors, second addresses.

    What is sure becomes a judgement that can be withdrawn; what may be waits in the review queue.

    Example: `butfor -C shop identity link --dry-run`
    """
    with open_workspace(ctx.obj) as ws, progress(as_json) as tell:
        done = link_people(ws, dry=dry, accept=accept_merges, tell=tell)
    emit(done, as_json, lambda console: _show_link(console, done))


def _show_link(console: Console, done: LinkRun) -> None:
    verb = "would be" if done.dry else "are"
    console.print(
        f"{done.people:,} people compared by {', '.join(done.compared)} in {done.seconds:.0f} s: {done.merges:,} merges "
        f"(expected precision {done.expected_precision:.1%}), {done.reviews:,} pairs {verb} in the review queue; {done.people_after:,} people now"
    )
    for why in done.examples:
        console.print(
            f"  [bold]{why['bits']:.1f} bits[/] {why['a']} and {why['b']}: " + escape(_waterfall(why))
        )


def _waterfall(why: dict[str, Any]) -> str:
    return ", ".join(f"{s['field']} {s['found']} {s['bits']:+.1f}" for s in why["steps"] if s["bits"])


def identity_log(ctx: typer.Context, last: int = typer.Option(50), as_json: bool = JSON) -> None:
    """Show merges and splits, newest first. Example: `butfor -C shop identity log`."""
    with open_workspace(ctx.obj) as ws:
        rows = ws.hub.rows("person_change")[::-1][:last]
    emit(
        rows,
        as_json,
        lambda c: c.print(table(rows, ["id", "made_at", "kind", "person_id", "other_id", "cause"])),
    )


def identity_judgements(ctx: typer.Context, as_json: bool = JSON) -> None:
    """Show what people judged of pairs of accounts. Example: `butfor -C shop identity judgements`."""
    with open_workspace(ctx.obj) as ws:
        rows = ws.hub.rows("judgement")
    columns = ["id", "made_at", "who", "verdict", "left_account", "right_account", "refers_to", "evidence"]
    emit(rows, as_json, lambda c: c.print(table(rows, columns)))


def _decision(ctx: typer.Context, as_json: bool, act: Callable[[Workspace], Decided]) -> None:
    with open_workspace(ctx.obj) as ws:
        done = act(ws)
    said = f"judgement {done.judgement}: {done.verdict}; {done.merged} merged, {done.split} split; {len(done.people)} people recomputed"
    emit(done, as_json, lambda console: console.print(said))


def identity_merge(
    ctx: typer.Context, left: str, right: str, why: str = WHY, who: str = AS, as_json: bool = JSON
) -> None:
    """Say that two accounts are one person; points stay where they are.

    Example: `butfor -C shop identity merge till:17 webshop:ann --why "the clerk knows her"`
    """
    _decision(ctx, as_json, lambda ws: judge_pair(ws, left, right, "same", why, who))


def identity_separate(
    ctx: typer.Context, left: str, right: str, why: str = WHY, who: str = AS, as_json: bool = JSON
) -> None:
    """Say that two accounts are never one person.

    Example: `butfor -C shop identity separate till:17 webshop:ann --why "two sisters"`
    """
    _decision(ctx, as_json, lambda ws: judge_pair(ws, left, right, "different", why, who))


def identity_withdraw(
    ctx: typer.Context, judgement: int, why: str = WHY, who: str = AS, as_json: bool = JSON
) -> None:
    """Take a judgement back, as if it had never been made. Example: `butfor -C shop identity withdraw 3 --why "a mistake"`."""
    _decision(ctx, as_json, lambda ws: withdraw(ws, judgement, why, who))


def identity_undo(
    ctx: typer.Context, change: int, why: str = WHY, who: str = AS, as_json: bool = JSON
) -> None:
    """Take a merge back, whatever caused it. Example: `butfor -C shop identity undo 12 --why "two sisters, one address"`."""
    _decision(ctx, as_json, lambda ws: undo(ws, change, why, who))


def review_list(
    ctx: typer.Context,
    every: bool = typer.Option(False, "--all", help="those that are decided too"),
    as_json: bool = JSON,
) -> None:
    """List pairs that wait for somebody to decide, most points at stake first. Example: `butfor -C shop review list`."""
    with open_workspace(ctx.obj) as ws:
        rows = [r for r in ws.hub.rows("review") if every or r["status"] == "open"]
    rows.sort(key=lambda r: (-r["at_stake"], -(r["score"] or 0), r["id"]))
    columns = ["id", "why", "at_stake", "score", "left_account", "right_account", "evidence", "status"]
    emit(rows, as_json, lambda c: c.print(table(rows, columns, right=["id", "at_stake", "score"])))


def review_approve(
    ctx: typer.Context, reviews: list[int], why: str = WHY, who: str = AS, as_json: bool = JSON
) -> None:
    """Decide that pairs are one person each. Example: `butfor -C shop review approve 4 5 --why "same passport"`."""
    _decide_reviews(ctx, reviews, True, why, who, as_json)


def review_refuse(
    ctx: typer.Context, reviews: list[int], why: str = WHY, who: str = AS, as_json: bool = JSON
) -> None:
    """Decide that pairs are never one person. Example: `butfor -C shop review refuse 6 --why "father and son"`."""
    _decide_reviews(ctx, reviews, False, why, who, as_json)


def _decide_reviews(
    ctx: typer.Context, reviews: list[int], same: bool, why: str, who: str | None, as_json: bool
) -> None:
    with open_workspace(ctx.obj) as ws:
        done = [decide_review(ws, number, same, why, who) for number in reviews]
    rows = [msgspec.structs.asdict(d) | {"review": r} for r, d in zip(reviews, done, strict=True)]
    emit(rows, as_json, lambda c: c.print(table(rows, ["review", "judgement", "verdict", "merged", "split"])))


def points_show(ctx: typer.Context, account: str, as_json: bool = JSON) -> None:
    """Show what an account holds and how it came to it. Example: `butfor -C shop points show club:K1`."""
    with open_workspace(ctx.obj) as ws:
        number = account_of(ws, account)
        held, lines = balance(ws.hub, number), statement(ws.hub, number)
    data = {"balance": held, "lines": lines}
    columns = ["occurred_at", "kind", "amount", "reference", "who"]
    emit(
        data,
        as_json,
        lambda c: c.print(table(lines, columns, right=["amount"], title=f"{account} holds {held.balance}")),
    )


def points_earn(
    ctx: typer.Context, account: str, points: int,
    reference: str = typer.Option(..., help="the receipt or entry that gives them; the same one counts once"),
    as_json: bool = JSON,
) -> None:  # fmt: skip
    """Credit points to an account. Example: `butfor -C shop points earn club:K1 120 --reference receipt-77`."""
    with open_workspace(ctx.obj) as ws:
        done = credit(ws, account, points, reference, who=getpass.getuser())
    emit(
        done,
        as_json,
        lambda c: c.print(f"{account} holds {done.balance}" + (" (known already)" if done.repeated else "")),
    )


def points_redeem(
    ctx: typer.Context, account: str, points: int,
    reference: str = typer.Option(..., help="the receipt that takes them; the same one counts once"),
    shown: str = typer.Option(..., "--shown", metavar="TERM=VALUE", help="the identifier the customer showed, such as loyalty_card=K1"),
    as_json: bool = JSON,
) -> None:  # fmt: skip
    """Redeem points with an identifier verified for the account itself.

    Example: `butfor -C shop points redeem club:K1 100 --reference receipt-78 --shown loyalty_card=K1`
    """
    term, mark, value = shown.partition("=")
    if not mark:
        raise BadInput(
            "--shown", value=shown, rule="it is TERM=VALUE", next_step="such as --shown loyalty_card=K1"
        )
    with open_workspace(ctx.obj) as ws:
        number = account_of(ws, account)
        done = redeem(
            ws.hub, number, points, reference, identifier=(term, value), now=ws.now, who=getpass.getuser()
        )
    emit(done, as_json, lambda c: c.print(f"{account} holds {done.balance}"))


def points_check(ctx: typer.Context, file: Path, as_json: bool = JSON) -> None:
    """Compare balances told by the platform (CSV lines ACCOUNT,BALANCE) with the entries; exit code 1 when one differs.

    Example: `butfor -C shop points check balances.csv`
    """
    with open_workspace(ctx.obj) as ws:
        rows = check_balances(ws.hub, _told(ws, file))
    columns = ["account_id", "told", "entries_say", "difference"]
    emit(
        rows,
        as_json,
        lambda c: c.print(
            table(rows, columns, right=columns[1:]) if rows else "[green]all balances agree[/]"
        ),
    )
    raise typer.Exit(1 if rows else 0)


def _told(ws: Workspace, file: Path) -> dict[str, int]:
    if not file.is_file():
        raise BadInput("file", value=str(file), rule="the file exists", next_step="check the path")
    out = {}
    for n, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        account, _, points = line.rpartition(",")
        if not points.strip().lstrip("-").isdigit():
            if n == 1:
                continue
            raise BadInput(
                f"{file.name} line {n}",
                value=line,
                rule="a line is ACCOUNT,BALANCE with whole points",
                next_step="correct it",
            )
        out[account_of(ws, account.strip())] = int(points)
    return out


def consent_show(
    ctx: typer.Context, address: str, channel: str = typer.Option("email"), as_json: bool = JSON
) -> None:
    """Show whether an address may be written to. Example: `butfor -C shop consent show ann@shop.org`."""
    with open_workspace(ctx.obj) as ws:
        found = consents(ws.hub, channel, [address]).get(address)
    said = (
        f"{found.verdict} since {text(found.since)} ({found.source})"
        if found
        else "nobody said anything of it"
    )
    emit(found, as_json, lambda c: c.print(f"{channel} {escape(address)}: {said}"))


def consent_give(
    ctx: typer.Context,
    address: str,
    channel: str = typer.Option("email"),
    when: str = typer.Option(None),
    as_json: bool = JSON,
) -> None:
    """Write down that somebody said yes. Example: `butfor -C shop consent give ann@shop.org`."""
    _say(ctx, address, channel, GIVEN, when, as_json)


def consent_withdraw(
    ctx: typer.Context,
    address: str,
    channel: str = typer.Option("email"),
    when: str = typer.Option(None),
    as_json: bool = JSON,
) -> None:
    """Write down that somebody said no; it holds for every account with the address.

    Example: `butfor -C shop consent withdraw ann@shop.org`
    """
    _say(ctx, address, channel, WITHDRAWN, when, as_json)


def _say(
    ctx: typer.Context, address: str, channel: str, verdict: str, when: str | None, as_json: bool
) -> None:
    at = moment(when) or datetime.now(UTC).replace(tzinfo=None)
    with open_workspace(ctx.obj) as ws:
        one = Statement(
            channel=channel, address=address, verdict=verdict, occurred_at=at, source=getpass.getuser()
        )
        say(ws.hub, [one], ws.now)
        found = consents(ws.hub, channel, [address])[address]
    emit(
        found,
        as_json,
        lambda c: c.print(f"{channel} {escape(address)}: {found.verdict} since {text(found.since)}"),
    )
