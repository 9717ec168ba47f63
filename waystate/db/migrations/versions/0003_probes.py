"""Indexes that no look-up by id can be led astray by."""

from waystate.db.migrate import run_down, run_up

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    run_up(__file__)


def downgrade() -> None:
    run_down(__file__)
