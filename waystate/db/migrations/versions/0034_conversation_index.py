"""Conversations as people look for them: what they are found by and sorted by, and who may see them."""

from waystate.db.migrate import run_down, run_up

revision = "0034"
down_revision = "0033"


def upgrade() -> None:
    run_up(__file__)


def downgrade() -> None:
    run_down(__file__)
