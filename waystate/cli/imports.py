"""The commands of `waystate import`."""

import json
import os
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any

import typer

from waystate.cli.errors import explained

if TYPE_CHECKING:
    from waystate.imports.take_over import Import, TakenOver

_EXAMPLE = "Example: waystate import seed-state-manager acme --from postgresql://reader@db.internal/waba_mvp --dry-run"

app = typer.Typer(help="History from other systems.", epilog=_EXAMPLE, no_args_is_help=True)

SOURCE = "SOURCE_DATABASE_URL"
"""Where --from may stand as well: a password on a command line is everybody's to read on the machine."""


@app.callback()
def _group() -> None:
    """History from other systems."""


@app.command("seed-state-manager")
def seed_state_manager(
    tenant: Annotated[str, typer.Argument(help="The tenant's id, here")],
    url: Annotated[str, typer.Option("--from", envvar=SOURCE, help="postgresql://user:password@host/database; or " + SOURCE)],
    source_tenant: Annotated[str | None, typer.Option(help="Whose rows, where the source has several tenants")] = None,
    number: Annotated[str | None, typer.Option(help="The phone number id of rows that name none; else the default one")] = None,
    time_zone: Annotated[str | None, typer.Option(help="In which its times were written; else its server's")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read everything, and write nothing but the report")] = False,
    report: Annotated[Path | None, typer.Option(help="Where rows go that cannot be used; else below WAYSTATE_HOME")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON, for programs")] = False,
) -> None:
    """Take over a seeds' State Manager's conversations and messages. Run it again and it goes on; nothing is sent to anybody.

    Exit code 1: some rows could not be used; each is in the report, with its reason.

    Example: waystate import seed-state-manager acme --from postgresql://reader@db.internal/waba_mvp --dry-run
    """
    from waystate.config import load_config
    from waystate.ids import parse_tenant_id
    from waystate.imports.take_over import Import

    wanted = Import(url=url, source_tenant=source_tenant, number=number, time_zone=time_zone, is_dry=dry_run)
    with explained():
        tenant_id = parse_tenant_id(tenant)
        path = report or load_config().home / "imports" / f"{tenant_id}-seed-state-manager.jsonl"
        told = Report(path)
        taken = _take_over(tenant_id, wanted, told)
        told.close()
    if as_json:
        print(json.dumps(asdict(taken) | {"reasons": told.reasons, "report": str(path) if taken.refused else None}))
    else:
        _print(tenant, taken, told, is_dry=dry_run)
    if taken.refused:
        raise typer.Exit(1)


def _take_over(tenant: Any, wanted: "Import", told: "Report") -> "TakenOver":
    from waystate.cli.operate import operate
    from waystate.clock import utc_now
    from waystate.config import load_config
    from waystate.db.pool import Database
    from waystate.errors import NotFound
    from waystate.imports.take_over import take_over
    from waystate.tenants.routing import Directory
    from waystate.vault.sealing import load_vault

    vault = load_vault(load_config())

    async def run(db: Database) -> "TakenOver":
        view = await Directory(db, vault).find_tenant(tenant)
        if view is None:
            raise NotFound("tenant_not_found", f"There is no tenant '{tenant}'. `waystate tenant create` makes one.")
        return await take_over(db, view, wanted, utc_now(), told)

    return operate(run)


class Report:
    """Progress on standard error, and a file that only its owner reads: a line of JSON for each row that cannot be used."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.reasons: Counter[str] = Counter()
        self._file: Any = None
        self._began = monotonic()
        self._fifths = ("", 0)
        path.unlink(missing_ok=True)

    def refused(self, table: str, row: dict[str, Any], reason: str, problem: str) -> None:
        if self._file is None:
            from waystate.errors import BadRequest

            try:
                self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._file = os.fdopen(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8")
            except OSError as error:
                raise BadRequest(
                    "report_unwritable", f"{self.path} cannot be written: {error.strerror}. Say --report."
                ) from None
        self.reasons[reason] += 1
        line = {"table": table, "id": row.get("id"), "reason": reason, "problem": problem, "row": row}
        self._file.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")

    def progress(self, table: str, done: int, total: int) -> None:
        """A line that changes on a terminal, a few plain ones elsewhere."""
        line = f"{table}: {done:,} of {total:,}, {done / max(monotonic() - self._began, 0.001):,.0f} rows/s"
        if sys.stderr.isatty():
            print(f"\r{line:<79}", end="\n" if done >= total else "", file=sys.stderr, flush=True)
        elif (fifths := (table, done * 5 // max(total, 1))) != self._fifths:
            self._fifths = fifths
            print(line, file=sys.stderr)
        if done >= total:
            self._began = monotonic()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def _print(tenant: str, taken: "TakenOver", told: Report, *, is_dry: bool) -> None:
    if is_dry:
        print(f"Nothing was written. {taken.conversations:,} conversations and {taken.messages:,} messages can be used.")
    else:
        print(
            f"Taken over into {tenant}: {taken.contacts:,} contacts, {taken.conversations:,} conversations, "
            f"{taken.messages:,} messages. Here already: {taken.known:,} rows."
        )
    if taken.merged:
        print(f"Closed because their customer has another open conversation: {taken.merged:,}.")
    for number, count in sorted(taken.strange_numbers.items()):
        print(f"{count:,} conversations are of number {number}, which {tenant} does not have: they are history until it has.")
    if taken.refused:
        counts = ", ".join(f"{count:,} {reason}" for reason, count in told.reasons.most_common())
        print(f"Not usable: {taken.refused:,} rows ({counts}). Each is in {told.path}")
