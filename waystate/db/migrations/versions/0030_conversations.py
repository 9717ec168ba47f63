"""Conversations as people work with them: whose they are, in which queue, under which tags, and what happened to them."""

from waystate.db.migrate import run_down, run_up

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    run_up(__file__)


def downgrade() -> None:
    run_down(__file__)
