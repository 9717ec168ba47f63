"""Copies of messages to other responders, a business's own reactions, and what waits for messages that may never come."""

from waystate.db.migrate import run_down, run_up

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    run_up(__file__)


def downgrade() -> None:
    run_down(__file__)
