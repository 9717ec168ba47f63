"""How a command ends on what it cannot do: with one sentence, and an exit code."""

import errno
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from waystate.documents import shown
from waystate.errors import ConfigError, WaystateError


class Commands(TyperGroup):
    """All commands: what each is spared on its way in and out, however it was started."""

    def main(self, args: Sequence[str] | None = None, *more: Any, **how: Any) -> Any:
        _check_arguments(sys.argv[1:] if args is None else args)
        try:
            try:
                return super().main(args, *more, **how)
            finally:
                _flush()
        except ConfigError as error:
            _end(str(error), 2)
        except OSError:
            if (lost := _lost_output()) is None:
                raise
            # Whoever closed a pipe has read enough, and needs no word.
            _end("" if lost.errno == errno.EPIPE else f"the output cannot be written: {lost.strerror}.", 1)


@contextmanager
def explained() -> Iterator[None]:
    """One sentence, not a traceback; exit code 2."""
    try:
        yield
    except WaystateError as error:
        print(f"waystate: {_lines(str(error))}{_elsewhere(error)}", file=sys.stderr)
        raise typer.Exit(2) from None


def _elsewhere(error: WaystateError) -> str:
    """A tenant that is not there may be in another installation, which the environment does not name here."""
    if getattr(error, "code", "") != "unknown_tenant" or os.environ.get("DATABASE_URL") or os.environ.get("WAYSTATE_HOME"):
        return ""
    return " This is the installation in its usual place: WAYSTATE_HOME names another one, such as a demo's."


def _check_arguments(arguments: Sequence[str]) -> None:
    """Python hands bytes that are no UTF-8 on as lone surrogates, which neither PostgreSQL nor JSON takes."""
    for position, each in enumerate(arguments, 1):
        try:
            each.encode()
        except UnicodeEncodeError:
            _end(f"argument {position} ({shown(each)}) is not UTF-8. Type it in a terminal whose encoding is UTF-8.", 2)


def _flush() -> None:
    if sys.stdout is not None:
        sys.stdout.flush()


def _lost_output() -> OSError | None:
    """Why standard output takes nothing more. It goes nowhere then, or the interpreter would try once more at its end."""
    try:
        print()
        _flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return error
    return None


def _end(sentence: str, code: int) -> NoReturn:
    if sentence:
        print(f"waystate: {_lines(sentence)}", file=sys.stderr)
    sys.exit(code)


def _lines(text: str) -> str:
    """As they are, but for what a terminal would obey."""
    return "\n".join(map(shown, text.split("\n")))
