"""The commands of `waystate secrets`."""

import json
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from waystate.cli.errors import explained
from waystate.cli.printing import counted

if TYPE_CHECKING:
    from collections import Counter

    from waystate.vault.rotation import Progress
    from waystate.vault.sealing import Vault

app = typer.Typer(
    help="The platforms' stored secrets, and the master key that seals them.",
    epilog="Example: waystate secrets status",
    no_args_is_help=True,
)

EVERY = 1.0
"""Seconds between lines of progress."""


@app.command()
def rotate(
    new_key: Annotated[
        bool, typer.Option("--new-key", help="First make a new key file in WAYSTATE_HOME; the one before is kept beside it")
    ] = False,
) -> None:
    """Seal every stored secret anew with the current master key, while everything runs. docs/how-to/rotate-secrets.md

    It can be stopped and run again. The exit code is 1 when a secret could not be opened.

    Example: waystate secrets rotate --new-key
    """
    from waystate.cli.operate import open_vault, operate
    from waystate.clock import utc_now
    from waystate.config import load_config
    from waystate.db.opening import make_home
    from waystate.vault.rotation import rotate as run
    from waystate.vault.sealing import replace_key_file

    with explained():
        config = load_config()
        make_home(config)
        if new_key:
            print(
                f"Key '{replace_key_file(config)}' seals from now on; the one before is kept in {config.home / 'keys' / 'old'}."
            )
        vault = open_vault(config)
        shown = _Shown()
        progress = operate(lambda db: run(db, vault, utc_now, told=shown.told))
    print(_summary(progress, vault.current))
    for each in progress.unopened:
        print(f"    {each}")
    raise typer.Exit(1 if progress.unopened else 0)


@app.command()
def status(as_json: Annotated[bool, typer.Option("--json", help="JSON, for programs")] = False) -> None:
    """How many stored secrets there are under each master key, and whether an old key may be removed.

    Example: waystate secrets status
    """
    from waystate.cli.operate import open_vault, operate
    from waystate.config import load_config
    from waystate.vault.installation import count_keys

    with explained():
        config = load_config()
        vault = open_vault(config)
        rows = rows_of(operate(count_keys), vault)
    if as_json:
        print(json.dumps({"keys": rows}))
        return
    for row in rows:
        print(f"{row['keyId'] or '(unreadable)'}  {row['values']:>7}  {row['advice']}")


def rows_of(found: "Counter[str]", vault: "Vault") -> list[dict[str, Any]]:
    """The current key first."""
    current = vault.current
    others = sorted({*found, *vault.key_ids} - {current})
    return [
        {"keyId": each, "values": found[each], "advice": _advice(each == current, vault.holds(each), found[each])}
        for each in [current, *others]
    ]


def _advice(is_current: bool, is_held: bool, values: int) -> str:
    match is_current, is_held, values:
        case True, _, _:
            return "current: it seals"
        case _, False, _:
            return "NOT HERE: give this key in WAYSTATE_MASTER_KEYS_OLD, or bring its file back"
        case _, _, 0:
            return "seals nothing any more: it may be removed; keep it with the backups of its time"
    return "needed: `waystate secrets rotate` seals these with the current key"


def _summary(progress: "Progress", current: str) -> str:
    were = "was" if progress.total == 1 else "were"
    said = f"{progress.resealed} of {counted(progress.total, 'secret')} {were} sealed anew with key '{current}'."
    if progress.changed:
        said += f" Changed by somebody else meanwhile: {progress.changed}."
    if progress.unopened:
        stay = "stays as it is" if len(progress.unopened) == 1 else "stay as they are"
        said += f" {len(progress.unopened)} cannot be opened and {stay}:"
    return said


class _Shown:
    def __init__(self) -> None:
        self._last = time.monotonic()

    def told(self, progress: "Progress") -> None:
        if time.monotonic() - self._last >= EVERY:
            self._last = time.monotonic()
            print(f"{progress.resealed} of {progress.total} …", flush=True)
