"""The commands of `waystate template`."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from waystate.cli.errors import explained
from waystate.cli.printing import counted, say, sections

if TYPE_CHECKING:
    from waystate.ids import TenantId

app = typer.Typer(help="WhatsApp's message templates.", epilog="Example: waystate template list acme", no_args_is_help=True)

Tenant = Annotated[str, typer.Argument(help="The tenant's id")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON, for programs")]
Language = Annotated[str | None, typer.Option(help="Such as en_US")]


@app.command("list")
def list_templates(
    tenant: Tenant,
    name: Annotated[str | None, typer.Option(help="How their names begin")] = None,
    language: Language = None,
    status: Annotated[str | None, typer.Option(help="WhatsApp's word, such as APPROVED")] = None,
    category: Annotated[str | None, typer.Option(help="Such as UTILITY")] = None,
    as_json: AsJson = False,
) -> None:
    """Templates as they are known, and when each business account was listed last.

    Example: waystate template list acme --status PAUSED
    """
    from waystate.cli import template_work as work

    with explained():
        shown = work.list_all(_id(tenant), name, language, status, category)
    if as_json:
        print(json.dumps(shown, ensure_ascii=False))
        return
    for each in shown["items"]:
        further = ", ".join(filter(None, (each["category"], each["quality"], each["reason"])))
        say(f"{each['name']}  {each['language']}  {each['status'] or 'not known yet'}  {further}".rstrip())
    print(f"{counted(len(shown['items']), 'template', 'templates')}.")
    for account in shown["accounts"]:
        say(_account(account))


@app.command()
def show(
    tenant: Tenant,
    name: Annotated[str, typer.Argument(help="The template's name")],
    language: Language = None,
    as_json: AsJson = False,
) -> None:
    """One template in each of its languages, with its definition.

    Example: waystate template show acme order_update --language en_US
    """
    from waystate.cli import template_work as work

    with explained():
        shown = work.show(_id(tenant), name, language)
    if as_json:
        print(json.dumps(shown, ensure_ascii=False))
        return
    for position, each in enumerate(shown):
        if position:
            print()
        for line in sections(each):
            print(line)


@app.command()
def sync(
    tenant: Tenant,
    account: Annotated[str | None, typer.Option(help="One business account of the tenant; else all")] = None,
    as_json: AsJson = False,
) -> None:
    """Ask WhatsApp for the templates now. The exit code is 1 when an account could not be listed.

    Example: waystate template sync acme
    """
    from waystate.cli import template_work as work

    with explained():
        shown = work.sync(_id(tenant), account)
    if as_json:
        print(json.dumps(shown, ensure_ascii=False))
    else:
        for each in shown["accounts"]:
            say(_account(each))
            if each["error"] is None:
                found = counted(each["found"], "template", "templates")
                print(f"    {found}: {each['added']} new, {each['changed']} changed, {each['deleted']} deleted")
    if any(each["error"] is not None for each in shown["accounts"]):
        raise typer.Exit(1)


def _account(account: dict[str, Any]) -> str:
    error = account["error"]
    listed = f"listed at {account['syncedAt']}" if account["syncedAt"] else "never listed"
    failed = f"; the last try failed ({error['code']}: {error['message'] or 'no explanation'})" if error is not None else ""
    return f"Business account {account['businessAccountId']}: {listed}{failed}"


def _id(tenant: str) -> "TenantId":
    from waystate.ids import parse_tenant_id

    return parse_tenant_id(tenant)
