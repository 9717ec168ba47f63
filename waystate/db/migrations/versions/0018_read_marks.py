"""Deliveries of read marks: a customer sees that what they wrote was read, or that an answer is being written."""

from waystate.db.migrate import run_down, run_up

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    run_up(__file__)


def downgrade() -> None:
    run_down(__file__)
