"""The commands of `waystate genesys`."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from waystate.cli.errors import explained
from waystate.cli.printing import say

if TYPE_CHECKING:
    from waystate.channels.checks import Checked

app = typer.Typer(
    help="Genesys Cloud: its Open Messaging integrations, made and checked.",
    epilog="Example: waystate genesys check acme",
    no_args_is_help=True,
)

TenantName = Annotated[str, typer.Argument(help="The tenant's id")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON, for programs")]
_MARKS = {"ok": "[green]✓[/]", "failed": "[red]✗[/]", "not_checked": "[yellow]–[/]"}


@app.command()
def check(
    tenant: TenantName,
    integration: Annotated[str | None, typer.Argument(help="Its id at Genesys; left out: all of the tenant's")] = None,
    as_json: AsJson = False,
) -> None:
    """Ask Genesys one thing after the other, and say what to mend where. Exit code 1 when something does not work.

    Example: waystate genesys check acme
    """
    from waystate.cli import genesys_work as work

    with explained():
        checked = work.check(tenant, integration)
    if as_json:
        items = [{"id": each.id, "ok": each.is_ok, "findings": [one._asdict() for one in each.findings]} for each in checked]
        print(json.dumps({"items": items}, ensure_ascii=False))
    else:
        _print_checked(checked)
    if not all(each.is_ok for each in checked):
        raise typer.Exit(1)


@app.command(
    "setup",
    epilog="Example: waystate genesys setup acme --name Acme --url https://waystate.example.com --region mypurecloud.de "
    "--client-id ID --client-secret-file client-secret",
)
def setup(
    tenant: TenantName,
    name: Annotated[str, typer.Option(help="What the integration is called in Genesys; one of that name is used")],
    region: Annotated[str, typer.Option(help="Of your organisation, such as mypurecloud.de")],
    client_id: Annotated[str, typer.Option(help="Of an OAuth client with client credentials")],
    url: Annotated[str, typer.Option(help="Where Genesys reaches this installation, such as https://waystate.example.com")],
    client_secret_file: Annotated[
        Path | None, typer.Option(help="The client's secret; - reads standard input. Left out: the one that is stored")
    ] = None,
    number: Annotated[
        str | None,
        typer.Option(
            help="The number whose messages go through it from now on: its phone_number_id at WhatsApp; `tenant show` has it"
        ),
    ] = None,
    api_url: Annotated[str | None, typer.Option(help="Of a simulated Genesys")] = None,
    login_url: Annotated[str | None, typer.Option(help="Of a simulated Genesys")] = None,
    is_dry: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done")] = False,
    as_json: AsJson = False,
) -> None:
    """Make the integration in Genesys with its URL, secret and content profile, and store it. Run again, it changes nothing."""
    from waystate.cli import genesys_work as work

    order = work.NewIntegration(name, region, client_id, url, client_secret_file, number, api_url, login_url, is_dry)
    with explained():
        done = work.set_up(tenant, order, lambda step: print(step, file=sys.stderr, flush=True))
    if as_json:
        print(json.dumps(done, ensure_ascii=False))
        return
    if done["integration_id"]:
        say(f"integration       {done['integration_id']}")
        say(f"notification URL  {done['notification_url']}")
        say(f"URL for events    {done['event_url']}")
    if "event_secret" in done:
        say(f"secret of events  {done['event_secret']}  (shown once)")


def _print_checked(checked: "list[Checked]") -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from waystate.documents import shown

    console = Console()
    for each in checked:
        table = Table(title=escape(f"Genesys integration {shown(each.id)}"), title_justify="left")
        for column in ("", "what", "finding, and what to do"):
            table.add_column(column, overflow="fold")
        for one in each.findings:
            text = " ".join(filter(None, (one.detail, one.advice)))
            table.add_row(_MARKS[one.verdict], escape(one.what), escape(shown(text)))
        console.print(table)
    if not checked:
        print("It has no Genesys integration yet: `waystate genesys setup` makes one.")
