"""The command line: `waystate --help`."""

import sys
from typing import Annotated, Any
from uuid import UUID

import typer

from waystate import __version__
from waystate.cli import audit, keys, secrets, seed, tenants, users
from waystate.cli import dead_letters as dlq
from waystate.cli.errors import explained
from waystate.errors import ConfigError

app = typer.Typer(
    help="Waystate, the state manager between WhatsApp Business and Genesys Cloud.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
migrate_app = typer.Typer(help="Bring the database's schema up, down, or say where it is.", invoke_without_command=True)
ledger_app = typer.Typer(help="Webhook bodies as received: what nobody could use, and its replay.", no_args_is_help=True)
db_app = typer.Typer(help="The embedded PostgreSQL.", no_args_is_help=True)
broker_app = typer.Typer(help="RabbitMQ: its queues and exchanges.", no_args_is_help=True)
RUN, MESSAGES, ACCESS, INSTALLATION = "Run", "Messages", "Tenants, people, access", "Installation"
app.add_typer(ledger_app, name="ledger", rich_help_panel=MESSAGES)
app.add_typer(dlq.app, name="dlq", rich_help_panel=MESSAGES)
app.add_typer(tenants.app, name="tenant", rich_help_panel=ACCESS)
app.add_typer(users.app, name="user", rich_help_panel=ACCESS)
app.add_typer(keys.app, name="keys", rich_help_panel=ACCESS)
app.add_typer(audit.app, name="audit", rich_help_panel=ACCESS)
app.add_typer(secrets.app, name="secrets", rich_help_panel=INSTALLATION)
app.add_typer(migrate_app, name="migrate", rich_help_panel=INSTALLATION)
app.add_typer(db_app, name="db", rich_help_panel=INSTALLATION)
app.add_typer(broker_app, name="broker", rich_help_panel=INSTALLATION)
app.add_typer(seed.app)


@app.command(rich_help_panel=RUN)
def serve() -> None:
    """Run everything on HOST:PORT. Settings are environment variables; see docs/reference/settings.md."""
    from waystate.processes.supervisor import run

    with explained():
        raise typer.Exit(run())


@app.command(rich_help_panel=RUN)
def api() -> None:
    """Run the HTTP API and the webhooks alone. Run as many of each role as you like; docs/how-to/operate.md."""
    _run_role("api")


@app.command(rich_help_panel=RUN)
def work() -> None:
    """Work what comes in, and make the calls to WhatsApp and Genesys, and nothing else."""
    _run_role("work")


@app.command(rich_help_panel=RUN)
def relay() -> None:
    """Hand events on to deliveries and to RabbitMQ, and nothing else."""
    _run_role("relay")


@app.command(rich_help_panel=RUN)
def timers() -> None:
    """Run what happens because time passes, and nothing else."""
    _run_role("timers")


def _run_role(name: str) -> None:
    from waystate.config import ProcessRole
    from waystate.processes.supervisor import run

    with explained():
        raise typer.Exit(run(ProcessRole(name)))


@app.command(rich_help_panel=RUN)
def demo(
    customers: Annotated[int, typer.Option(help="Simulated customers")] = 20,
    rate: Annotated[float, typer.Option(help="Customer messages a second, in all")] = 5.0,
    faults: Annotated[bool, typer.Option(help="Switch on every fault of the simulator")] = False,
    seconds: Annotated[float | None, typer.Option(help="Stop by itself after so long")] = None,
) -> None:
    """Serve with the demo tenant, a simulated WhatsApp and Genesys, and live conversations between them."""
    from waystate.demo.run import run

    with explained():
        raise typer.Exit(run(customers=customers, rate=rate, faults=faults, seconds=seconds))


@app.command(rich_help_panel=RUN)
def simulate(port: Annotated[int, typer.Option(help="Where the far sides listen, on 127.0.0.1")] = 3006) -> None:
    """Run the fake Graph API and the fake Genesys alone; WAYSTATE_SIMULATOR holds their configuration as JSON."""
    from waystate.processes.supervisor import serve_simulator

    with explained():
        raise typer.Exit(serve_simulator(port))


@app.command(rich_help_panel=INSTALLATION)
def prepare() -> None:
    """Check the database and bring an embedded one to the newest schema (serve does this by itself)."""
    from waystate.processes.prepare import prepare as run

    with explained():
        run()


@app.command("try-message", hidden=True)
def try_message() -> None:
    """Work one suspected message of a queue, told on standard input. A consumer starts this by itself."""
    from waystate.processes.trial import run

    with explained():
        raise typer.Exit(run())


@app.command(rich_help_panel=INSTALLATION)
def version() -> None:
    """Print the version."""
    print(__version__)


@migrate_app.callback()
def migrate(
    context: typer.Context,
    print_roles: Annotated[bool, typer.Option("--print-roles", help="What a DBA runs where roles cannot be created")] = False,
) -> None:
    if print_roles:
        from waystate.db.roles import print_roles as roles

        print(roles())
        raise typer.Exit
    if context.invoked_subcommand is None:
        _migrate("up", None)


@migrate_app.command()
def up() -> None:
    """To the newest schema, with partitions made ahead."""
    _migrate("up", None)


@migrate_app.command()
def down(target: Annotated[str, typer.Argument(help="A revision, a step such as -1, or base")]) -> None:
    """Back to an older schema. What only the newer one can hold is lost: back up first."""
    _migrate("down", target)


@migrate_app.command()
def status() -> None:
    """Which revision the database is at, and what is pending."""
    _migrate("status", None)


def _migrate(action: str, target: str | None) -> None:
    from waystate.processes import prepare

    with explained():
        prepare.migrate(action, target)


@db_app.command()
def stop() -> None:
    """End the embedded PostgreSQL, which may outlive its owner."""
    from waystate.config import load_config
    from waystate.db.embedded import EmbeddedPostgres

    with explained():
        postgres = EmbeddedPostgres(load_config().home)
        running = postgres.is_running()
        postgres.stop()
        print("Stopped." if running else "It is not running.")


@broker_app.command("declare")
def declare_queues(
    partitions: Annotated[int, typer.Option(min=1, max=64, help="Queues behind each named one, shared out by routing key")] = 1,
) -> None:
    """Make the queues and exchanges on AMQP_URL; what is there already stays as it is."""
    from waystate.broker.administration import declare

    with explained():
        print(declare(partitions))


@broker_app.command("status")
def show_queues() -> None:
    """How many messages wait in each queue, and how many consumers it has."""
    from waystate.broker.administration import status

    with explained():
        print("\n".join(status()))


@app.command(rich_help_panel=MESSAGES)
def trace(
    tenant: Annotated[str, typer.Argument(help="The tenant's id")],
    message: Annotated[str, typer.Argument(help="A wamid, a Genesys message id or Waystate's own")],
) -> None:
    """Where a message is, and why, as JSON."""
    from rich.console import Console

    from waystate.cli.operate import trace as trace_message

    with explained():
        Console().print_json(data=trace_message(tenant, message))


@ledger_app.command("list")
def list_ledger(
    rejected: Annotated[bool, typer.Option("--rejected", help="Only what was rejected, with its reason")] = False,
    limit: Annotated[int, typer.Option(help="Rows at the most")] = 50,
) -> None:
    """Webhook bodies, newest first."""
    from waystate.cli.operate import list_rows

    with explained():
        rows = list_rows(rejected=rejected, limit=limit)
        _print_rows(rows)


@ledger_app.command()
def replay(
    ids: Annotated[list[UUID] | None, typer.Argument(help="Ids from `waystate ledger list --rejected`")] = None,
    every: Annotated[bool, typer.Option("--all", help="Everything that was rejected")] = False,
) -> None:
    """Put rejected bodies back to work, in their old order. What had its effect before has none again."""
    from waystate.cli.operate import replay_rows

    if not ids and not every:
        raise typer.BadParameter("Name ids, or use --all.")
    with explained():
        replayed = replay_rows(ids if ids else None)
        print(f"{replayed} of {len(ids) if ids else replayed} put back to work.")


def _print_rows(rows: list[dict[str, Any]]) -> None:
    """Plain lines: ids stay whole in a narrow terminal, and can be piped."""
    for row in rows:
        outcome = row["outcome"] or {}
        received = row["received_at"].isoformat(timespec="seconds")
        print(f"{row['id']}  {received}  {row['source']} {row['origin']}  {row['state']}")
        if "reason" in outcome:
            print(f"    {outcome['reason']}: {outcome['message']}")
        print(f"    {row['bytes']} bytes: {bytes(row['preview'][:100]).decode('utf-8', 'replace')}")
    if not rows:
        print("Nothing.")


def main() -> None:
    try:
        app()
    except ConfigError as error:
        print(f"waystate: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
