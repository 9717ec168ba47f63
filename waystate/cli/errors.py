"""How a command ends on an error that was made on purpose."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from waystate.errors import WaystateError


@contextmanager
def explained() -> Iterator[None]:
    """One sentence, not a traceback; exit code 2."""
    try:
        yield
    except WaystateError as error:
        print(f"waystate: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
