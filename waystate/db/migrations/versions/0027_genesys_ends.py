"""Ends of Genesys' conversations, when each was asked about last, and times in which Waystate was away."""

from waystate.db.migrate import run_down, run_up

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    run_up(__file__)


def downgrade() -> None:
    run_down(__file__)
