"""Whose a phone was before, found by the phone: a message that comes late is its sender's, not the present owner's."""

from waystate.db.migrate import run_down, run_up

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    run_up(__file__)


def downgrade() -> None:
    run_down(__file__)
