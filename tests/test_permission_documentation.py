"""docs/reference/permissions.md is what the operations' rows say; `python -m tests.test_permission_documentation` writes it."""

from collections.abc import Iterable
from pathlib import Path

from waystate.framework import OPERATIONS
from waystate.keys.model import DATA_PLANE
from waystate.operations import Operation
from waystate.principal import NEVER_OF_A_KEY, ROLE_SCOPES, TRUSTED, Role, Scope, roles_of

PERMISSIONS = Path(__file__).parent.parent / "docs" / "reference" / "permissions.md"

_START = """\
# Permissions

Every operation takes one scope. An API key has the scopes it was given, a person those of their role in the tenant, and nobody
gives a key more than they hold. An operation that is not listed is answered to nobody. An operation's scope stands in
its row, beside its handler; this page is made from the rows.
"""


def _row(*cells: str) -> str:
    return "".join(f"| {each} " if each else "| " for each in cells) + "|"


def documented_permissions(operations: Iterable[Operation] = tuple(OPERATIONS.values())) -> str:
    roles = list(Role)
    lines = [_START, "## Scopes and roles", "", f"| scope | {' | '.join(roles)} | new key | trusted mode |"]
    lines.append(f"|---|{'---|' * (len(roles) + 2)}")
    for scope in Scope:
        holds = [scope in ROLE_SCOPES[role] for role in roles] + [scope in DATA_PLANE, scope in TRUSTED]
        lines.append(_row(f"`{scope}`", *("yes" if each else "" for each in holds)))
    never = ", ".join(f"`{each}`" for each in sorted(NEVER_OF_A_KEY))
    lines += [
        "",
        "`new key` is what a key is given unless its maker says otherwise, `trusted mode` what a caller on the machine",
        f"itself may that only names a tenant. No key is ever given {never}, and `platform` only in the tenant `platform`.",
        "",
        "## Operations",
        "",
        "| operation | scope | roles |",
        "|---|---|---|",
    ]
    for each in operations:
        everybody = "whoever has a credential" if each.is_of_any_credential else "anybody"
        who = everybody if each.scope is None else ", ".join(roles_of(each.scope))
        lines.append(_row(f"`{each}`", "" if each.scope is None else f"`{each.scope}`", who))
    lines += [
        "",
        "What is answered to anybody is signed by its sender (webhooks), is how one comes by a credential (login, invitation,",
        "reset), or tells nothing of any tenant (health, metrics, documentation).",
    ]
    return "\n".join(lines) + "\n"


def test_the_permissions_page_lists_every_operation() -> None:
    assert PERMISSIONS.read_text() == documented_permissions()


if __name__ == "__main__":
    PERMISSIONS.write_text(documented_permissions())
