"""Customers as people look for them: what they are found by, in which order, and under which tags."""

from waystate.db.migrate import run_down, run_up

revision = "0029"
down_revision = "0027"


def upgrade() -> None:
    run_up(__file__)


def downgrade() -> None:
    run_down(__file__)
