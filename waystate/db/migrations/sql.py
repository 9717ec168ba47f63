"""What a revision consists of: two SQL files beside it, each run in one transaction."""

from pathlib import Path
from typing import Any

from alembic import op

_LOCK_TIMEOUT = "10s"
"""A migration that waits for a busy table makes everyone queue behind it: better to fail, and be tried again."""


def run_up(revision_file: str) -> None:
    """Run the whole of `<revision>.up.sql`; any number of statements, without parameters."""
    _run(Path(revision_file).with_suffix(".up.sql"))


def run_down(revision_file: str) -> None:
    _run(Path(revision_file).with_suffix(".down.sql"))


def _run(file: Path) -> None:
    connection: Any = op.get_bind().connection
    # The driver's own cursor: it takes several statements at once, and a % as it stands.
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
        cursor.execute(file.read_text(encoding="utf-8"))
        cursor.execute("RESET ROLE")
