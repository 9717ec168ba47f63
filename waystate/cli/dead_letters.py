"""The commands of `waystate dlq`."""

import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from uuid import UUID

import typer

from waystate.cli.errors import explained
from waystate.cli.printing import counted, read_file, say
from waystate.errors import Reason

if TYPE_CHECKING:
    from waystate.dead_letters.model import Filter
    from waystate.dead_letters.replay import Result

app = typer.Typer(
    help="Dead letters: what could not be used, to find, mend, replay and discard.",
    epilog="Example: waystate dlq list acme",
    no_args_is_help=True,
)

Tenant = Annotated[str, typer.Argument(help="The tenant's id")]
Letter = Annotated[UUID, typer.Argument(help="An id from `waystate dlq list`")]
Letters = Annotated[list[UUID] | None, typer.Argument(help="Ids from `waystate dlq list`")]
OfReason = Annotated[Reason | None, typer.Option(help="Only of this reason")]
PipelineName = Literal[
    "inbound",
    "outbound",
    "status",
    "correlation",
    "deliveries",
    "templates",
    "account",
    "echoes",
    "history",
    "address_book",
    "preferences",
    "calls",
    "standby",
]
OfPipeline = Annotated[PipelineName | None, typer.Option(help="Only of this pipeline")]
Since = Annotated[datetime | None, typer.Option(help="Only created at this time (UTC) or later")]
Until = Annotated[datetime | None, typer.Option(help="Only created before this time (UTC)")]
Every = Annotated[bool, typer.Option("--all", help="Every open one that the filters leave, oldest first")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON, for programs")]


@app.command("list")
def list_letters(
    tenant: Tenant,
    status: Annotated[Literal["open", "replayed", "discarded", "any"], typer.Option(help="What became of them")] = "open",
    reason: OfReason = None,
    pipeline: OfPipeline = None,
    since: Since = None,
    until: Until = None,
    before: Annotated[UUID | None, typer.Option(help="Older than this one: the last of the page before")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At the most")] = 50,
    as_json: AsJson = False,
) -> None:
    """Dead letters, newest first.

    Example: waystate dlq list acme --reason window_closed
    """
    from waystate.cli import dead_letter_work as work

    with explained():
        wanted = _filter(reason, pipeline, since, until)
        of_status = None if status == "any" else status
        letters, total = work.list_letters(tenant, wanted, status=of_status, before=before, limit=limit)
    if as_json:
        print(json.dumps({"items": letters, "openTotal": total}, ensure_ascii=False))
        return
    for each in letters:
        print(
            f"{each['id']}  {each['createdAt']}  {each['pipeline']}  {each['status']}, {counted(each['retryCount'], 'replay')}"
        )
        say(f"    {each['reason']}: {each['errorMessage']}")
    print(f"{len(letters)} shown; {total} {'is' if total == 1 else 'are'} open in all.")
    if len(letters) == limit:
        print(f"Older ones: --before {letters[-1]['id']}")


@app.command()
def show(tenant: Tenant, letter: Letter) -> None:
    """One dead letter as JSON: its payloads, what happened to it so far, what to do.

    Example: waystate dlq show acme 0192f0c1-2b3c-7d4e-8f5a-6b7c8d9e0f1a
    """
    from waystate.cli import dead_letter_work as work

    with explained():
        _print(work.show_letter(tenant, letter))


@app.command()
def edit(
    tenant: Tenant,
    letter: Letter,
    file: Annotated[Path | None, typer.Option(help="The whole payload as JSON; - reads standard input")] = None,
    values: Annotated[
        list[str] | None, typer.Option("--set", help="path=value into the payload, such as wa_id=4917012345; may be repeated")
    ] = None,
) -> None:
    """Mend the payload of an open one. The original stays readable beside it.

    Example: waystate dlq edit acme 0192f0c1-2b3c-7d4e-8f5a-6b7c8d9e0f1a --set wa_id=491701234567
    """
    from waystate.cli import dead_letter_work as work

    if file is None and not values:
        raise typer.BadParameter("Give --file, or --set path=value.")
    with explained():
        document = None if file is None else read_file(file)
        _print(work.edit_letter(tenant, letter, document=document, values=values or []))


@app.command()
def replay(
    tenant: Tenant,
    letters: Letters = None,
    every: Every = False,
    reason: OfReason = None,
    pipeline: OfPipeline = None,
    since: Since = None,
    until: Until = None,
    as_json: AsJson = False,
) -> None:
    """Work them again, at the end of each customer's order. What had its effect before has none again.

    The exit code is 1 when one of them failed again.

    Example: waystate dlq replay acme --all --reason mapping_not_found
    """
    from waystate.cli import dead_letter_work as work

    chosen = _chosen(letters, every, reason, pipeline, since, until)
    with explained(), _progress("Replaying", as_json) as progress:
        work.replay_letters(tenant, chosen, started=progress.started, told=progress.told)
    progress.finish()


@app.command()
def discard(
    tenant: Tenant,
    letters: Letters = None,
    every: Every = False,
    reason: OfReason = None,
    pipeline: OfPipeline = None,
    since: Since = None,
    until: Until = None,
    note: Annotated[str | None, typer.Option(help="Why, for whoever looks at it later")] = None,
    as_json: AsJson = False,
) -> None:
    """Decide that they shall have no effect. They stay as a record.

    The exit code is 2, as of an edit, when one that was named is not open or unknown.

    Example: waystate dlq discard acme --all --reason window_closed --note "too old"
    """
    from waystate.cli import dead_letter_work as work

    chosen = _chosen(letters, every, reason, pipeline, since, until)
    with explained(), _progress("Discarding", as_json) as progress:
        work.discard_letters(tenant, chosen, note, started=progress.started, told=progress.told)
    progress.finish(named=bool(letters))


class _Progress:
    """A bar on a terminal, elsewhere a line a transaction; in the end a line for each that had no effect, and the counts."""

    def __init__(self, bar: Any, *, as_json: bool) -> None:
        self._bar = bar
        self._total = 0
        self._as_json = as_json
        self._results: list[Result] = []

    def started(self, total: int) -> None:
        self._total = total
        self._bar.update(0, total=total)

    def told(self, results: Sequence["Result"]) -> None:
        self._results += results
        self._bar.update(0, completed=len(self._results))
        if self._bar.disable and results and len(self._results) < self._total:
            print(f"{len(self._results)} of {self._total}", file=sys.stderr, flush=True)

    def finish(self, *, named: bool = False) -> None:
        """`named`: each was to be open."""
        counts = Counter(each.outcome.value for each in self._results)
        if self._as_json:
            results = [
                {"id": str(each.id), "outcome": each.outcome, "message": each.message, "reason": each.reason}
                for each in self._results
            ]
            print(json.dumps({"counts": counts, "results": results}, ensure_ascii=False))
        else:
            for each in self._results:
                if each.outcome in ("failed", "not_found", "not_open"):
                    say(f"{each.id}  {(each.reason or each.outcome).replace('_', ' ')}: {each.message}")
            said = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in sorted(counts.items()))
            print(f"{said or 'None matched'}.")
        if named and (counts["not_open"] or counts["not_found"]):
            raise typer.Exit(2)
        if counts["failed"] or counts["not_found"]:
            raise typer.Exit(1)


@contextmanager
def _progress(doing: str, as_json: bool) -> Iterator[_Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn(doing), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        bar.add_task(doing, total=None)
        yield _Progress(bar, as_json=as_json)


def _chosen(
    letters: Sequence[UUID] | None,
    every: bool,
    reason: Reason | None,
    pipeline: str | None,
    since: datetime | None,
    until: datetime | None,
) -> "Sequence[UUID] | Filter":
    is_filtered = any(each is not None for each in (reason, pipeline, since, until))
    if bool(letters) == every or (letters and is_filtered):
        raise typer.BadParameter("Name ids, or use --all, with or without filters.")
    return letters or _filter(reason, pipeline, since, until)


def _filter(reason: Reason | None, pipeline: str | None, since: datetime | None, until: datetime | None) -> "Filter":
    from waystate.dead_letters.model import Filter, Pipeline

    def in_utc(moment: datetime | None) -> datetime | None:
        return moment if moment is None or moment.tzinfo is not None else moment.replace(tzinfo=UTC)

    return Filter(
        reason=reason, pipeline=None if pipeline is None else Pipeline(pipeline), since=in_utc(since), until=in_utc(until)
    )


def _print(document: Any) -> None:
    from rich.console import Console

    Console().print_json(data=document)
