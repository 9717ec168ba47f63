"""Conversations know the business-scoped user id that the customer last wrote from."""

from waystate.db.migrate import run_down, run_up

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    run_up(__file__)


def downgrade() -> None:
    run_down(__file__)
