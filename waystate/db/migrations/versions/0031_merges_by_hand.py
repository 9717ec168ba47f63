"""Merges that a person can see and undo, and by what customers are alike."""

from waystate.db.migrate import run_down, run_up

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    run_up(__file__)


def downgrade() -> None:
    run_down(__file__)
