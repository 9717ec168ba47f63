"""The command line: `waystate --help`."""

import os
from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

import typer

from waystate import __version__
from waystate.cli import audit, customers, database, genesys, imports, keys, secrets, seed, templates, tenants, users
from waystate.cli import dead_letters as dlq
from waystate.cli.errors import Commands, explained
from waystate.cli.printing import say
from waystate.errors import ConfigError

app = typer.Typer(
    cls=Commands,
    epilog="Example: waystate serve",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
migrate_app = typer.Typer(invoke_without_command=True)
ledger_app = typer.Typer(
    help="Webhook bodies as received: what nobody could use, and its replay.",
    epilog="Example: waystate ledger list --rejected",
    no_args_is_help=True,
)
broker_app = typer.Typer(
    help="RabbitMQ: its queues and exchanges.", epilog="Example: waystate broker status", no_args_is_help=True
)
RUN, MESSAGES, ACCESS, INSTALLATION = "Run", "Messages", "Tenants, people, access", "Installation"
app.add_typer(ledger_app, name="ledger", rich_help_panel=MESSAGES)
app.add_typer(dlq.app, name="dlq", rich_help_panel=MESSAGES)
app.add_typer(templates.app, name="template", rich_help_panel=MESSAGES)
app.add_typer(tenants.app, name="tenant", rich_help_panel=ACCESS)
app.add_typer(genesys.app, name="genesys", rich_help_panel=ACCESS)
app.add_typer(users.app, name="user", rich_help_panel=ACCESS)
app.add_typer(keys.app, name="keys", rich_help_panel=ACCESS)
app.add_typer(audit.app, name="audit", rich_help_panel=ACCESS)
app.add_typer(customers.app, name="customers", rich_help_panel=ACCESS)
app.add_typer(imports.app, name="import", rich_help_panel=ACCESS)
app.add_typer(secrets.app, name="secrets", rich_help_panel=INSTALLATION)
app.add_typer(migrate_app, name="migrate", rich_help_panel=INSTALLATION)
app.add_typer(database.app, name="db", rich_help_panel=INSTALLATION)
app.add_typer(broker_app, name="broker", rich_help_panel=INSTALLATION)
app.add_typer(seed.app)


TcpPort = Annotated[int | None, typer.Option("--port", min=1, max=65535, help="Wins over PORT")]
WebhookPort = Annotated[int | None, typer.Option("--webhook-port", min=1, max=65535, help="Wins over WEBHOOK_PORT")]
HealthPort = Annotated[int | None, typer.Option("--health-port", min=1, max=65535, help="Wins over HEALTH_PORT")]
SimulatorPort = Annotated[int | None, typer.Option("--simulator-port", min=1, max=65535, help="Wins over SIMULATOR_PORT")]


def _print_version(is_asked: bool) -> None:
    if is_asked:
        print(__version__)
        raise typer.Exit


@app.callback()
def begin(
    _: Annotated[bool, typer.Option("--version", help="Print the version", is_eager=True, callback=_print_version)] = False,
) -> None:
    """Waystate, the state manager between WhatsApp Business and Genesys Cloud."""


@app.command(rich_help_panel=RUN)
def serve(port: TcpPort = None, webhook_port: WebhookPort = None) -> None:
    """Run everything on HOST:PORT. Settings are environment variables; see docs/reference/settings.md.

    Example: waystate serve --port 3010
    """
    _run_role(None, PORT=port, WEBHOOK_PORT=webhook_port)


@app.command(rich_help_panel=RUN)
def api(port: TcpPort = None, webhook_port: WebhookPort = None) -> None:
    """Run the HTTP API and the webhooks alone. Run as many of each role as you like; docs/how-to/operate.md.

    Example: waystate api --port 3010
    """
    _run_role("api", PORT=port, WEBHOOK_PORT=webhook_port)


@app.command(rich_help_panel=RUN)
def work(health_port: HealthPort = None) -> None:
    """Work what comes in, and make the calls to WhatsApp and Genesys, and nothing else.

    Example: waystate work --health-port 3011
    """
    _run_role("work", HEALTH_PORT=health_port)


@app.command(rich_help_panel=RUN)
def relay(health_port: HealthPort = None) -> None:
    """Hand events on to deliveries and to RabbitMQ, and nothing else.

    Example: waystate relay --health-port 3012
    """
    _run_role("relay", HEALTH_PORT=health_port)


@app.command(rich_help_panel=RUN)
def timers(health_port: HealthPort = None) -> None:
    """Run what happens because time passes, and nothing else.

    Example: waystate timers --health-port 3013
    """
    _run_role("timers", HEALTH_PORT=health_port)


def _run_role(name: str | None, **ports: int | None) -> None:
    from waystate.config import ProcessRole
    from waystate.processes.supervisor import run

    _set(ports)
    with explained():
        raise typer.Exit(run(None if name is None else ProcessRole(name)))


def _set(ports: Mapping[str, int | None]) -> None:
    """As the variables of these names, which the processes that this one starts have, too."""
    os.environ.update({name: str(port) for name, port in ports.items() if port is not None})


@app.command(rich_help_panel=RUN)
def demo(
    customers: Annotated[int, typer.Option(help="Simulated customers; each may be answered once in 6 s")] = 40,
    rate: Annotated[float, typer.Option(help="Customer messages a second, in all")] = 5.0,
    faults: Annotated[bool, typer.Option(help="Switch on every fault of the simulator")] = False,
    seconds: Annotated[float | None, typer.Option(help="Stop by itself after so long")] = None,
    port: TcpPort = None,
    webhook_port: WebhookPort = None,
    simulator_port: SimulatorPort = None,
) -> None:
    """Serve with the demo tenant, a simulated WhatsApp and Genesys, and live conversations between them.

    Example: waystate demo --faults --seconds 60
    """
    from waystate.demo.run import run

    _set({"PORT": port, "WEBHOOK_PORT": webhook_port, "SIMULATOR_PORT": simulator_port})
    with explained():
        raise typer.Exit(run(customers=customers, rate=rate, faults=faults, seconds=seconds))


@app.command(rich_help_panel=RUN)
def simulate(port: Annotated[int, typer.Option(help="Where the far sides listen, on 127.0.0.1")] = 3006) -> None:
    """Run the fake Graph API and the fake Genesys alone; WAYSTATE_SIMULATOR holds their configuration as JSON.

    Example: waystate simulate --port 3006
    """
    from waystate.processes.supervisor import serve_simulator

    with explained():
        raise typer.Exit(serve_simulator(port))


@app.command(rich_help_panel=INSTALLATION)
def prepare(is_started: Annotated[bool, typer.Option("--started", hidden=True)] = False) -> None:
    """Check the database and bring an embedded one to the newest schema (serve does this by itself).

    Example: waystate prepare
    """
    from waystate.processes.prepare import prepare as run

    with explained():
        run(is_started=is_started)


@app.command("try-message", hidden=True)
def try_message() -> None:
    """Work one suspected message of a queue, told on standard input. A consumer starts this by itself."""
    from waystate.processes.trial import run

    with explained():
        raise typer.Exit(run())


@app.command(rich_help_panel=INSTALLATION)
def version() -> None:
    """Print the version.

    Example: waystate version
    """
    print(__version__)


@migrate_app.callback()
def migrate(
    context: typer.Context,
    print_roles: Annotated[bool, typer.Option("--print-roles", help="What a DBA runs where roles cannot be created")] = False,
) -> None:
    """Bring the database's schema up, down, or say where it is.

    Example: waystate migrate up
    """
    if print_roles:
        from waystate.db.roles import print_roles as roles

        print(roles())
        raise typer.Exit
    if context.invoked_subcommand is None:
        _migrate("up", None)


@migrate_app.command()
def up() -> None:
    """To the newest schema, with partitions made ahead.

    Example: waystate migrate up
    """
    _migrate("up", None)


@migrate_app.command(context_settings={"ignore_unknown_options": True})
def down(target: Annotated[str, typer.Argument(help="A revision, a step such as -1, or base")]) -> None:
    """Back to an older schema. What only the newer one can hold is lost: back up first.

    Example: waystate migrate down -1
    """
    _migrate("down", target)


@migrate_app.command()
def status() -> None:
    """Which revision the database is at, and what is pending.

    Example: waystate migrate status
    """
    _migrate("status", None)


def _migrate(action: str, target: str | None) -> None:
    from waystate.processes import prepare

    with explained():
        prepare.migrate(action, target)


@broker_app.command("declare")
def declare_queues(
    partitions: Annotated[int, typer.Option(min=1, max=64, help="Queues behind each named one, shared out by routing key")] = 1,
) -> None:
    """Make the queues and exchanges on AMQP_URL; what is there already stays as it is.

    Example: waystate broker declare
    """
    from waystate.broker.administration import declare

    with explained():
        print(declare(partitions))


@broker_app.command("status")
def show_queues() -> None:
    """How many messages wait in each queue, and how many consumers it has.

    Example: waystate broker status
    """
    from waystate.broker.administration import status

    with explained():
        print("\n".join(status()))


@app.command(rich_help_panel=MESSAGES)
def trace(
    tenant: Annotated[str, typer.Argument(help="The tenant's id")],
    message: Annotated[str, typer.Argument(help="A wamid, a Genesys message id or Waystate's own")],
) -> None:
    """Where a message is, and why, as JSON.

    Example: waystate trace acme wamid.my-first
    """
    from rich.console import Console

    from waystate.cli.operate import trace as trace_message

    with explained():
        Console().print_json(data=trace_message(tenant, message))


@app.command(rich_help_panel=MESSAGES)
def mcp(
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Over HTTP there; each request bears its key")] = None,
) -> None:
    """Serve models (MCP) on standard input, by WAYSTATE_URL and WAYSTATE_KEY; docs/how-to/mcp.md.

    Example: waystate mcp --port 3007
    """
    with explained():
        try:
            from waystate_client.mcp.command import MISSING, serve_by_environment
        except ImportError:
            raise ConfigError("This needs the client and its extra: pip install 'waystate[mcp]'") from None
        try:
            serve_by_environment(port)
        except ImportError:
            raise ConfigError(MISSING) from None
        except ValueError as error:
            raise ConfigError(str(error)) from None


@ledger_app.command("list")
def list_ledger(
    rejected: Annotated[bool, typer.Option("--rejected", help="Only what was rejected, with its reason")] = False,
    limit: Annotated[int, typer.Option(help="Rows at the most")] = 50,
) -> None:
    """Webhook bodies, newest first, each with why something in it had no effect.

    Example: waystate ledger list --rejected
    """
    from waystate.cli.operate import list_rows

    with explained():
        rows = list_rows(rejected=rejected, limit=limit)
        _print_rows(rows)


@ledger_app.command()
def replay(
    ids: Annotated[list[UUID] | None, typer.Argument(help="Ids from `waystate ledger list --rejected`")] = None,
    every: Annotated[bool, typer.Option("--all", help="Everything that was rejected")] = False,
) -> None:
    """Put rejected bodies back to work, in their old order. What had its effect before has none again.

    Example: waystate ledger replay --all
    """
    from waystate.cli.operate import replay_rows

    if not ids and not every:
        raise typer.BadParameter("Name ids, or use --all.")
    with explained():
        replayed = replay_rows(ids if ids else None)
        print(f"{replayed} of {len(ids) if ids else replayed} put back to work.")


_SHOWN = 3
"""Items of one webhook body that have a line each."""


def _print_rows(rows: list[dict[str, Any]]) -> None:
    """Plain lines: ids stay whole in a narrow terminal, and can be piped."""
    for row in rows:
        outcome = row["outcome"] or {}
        received = row["received_at"].isoformat(timespec="seconds")
        say(f"{row['id']}  {received}  {row['source']} {row['origin']}  {row['state']}")
        if "reason" in outcome:
            say(f"    {outcome['reason']}: {outcome['message']}")
        for each in outcome.get("ignored", [])[:_SHOWN]:
            say(f"    without effect: {each['what']}: {each['why']}")
        for each in outcome.get("dead_letters", [])[:_SHOWN]:
            say(f"    dead letter: {each['reason']}: {each['message']}")
        say(f"    {row['bytes']} bytes: {bytes(row['preview'][:100]).decode('utf-8', 'replace')}")
    if not rows:
        print("Nothing.")
