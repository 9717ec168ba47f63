"""A person who speaks is the conversation's agent: it is assigned to them until they act no more."""

from waystate.db.migrate import run_down, run_up

revision = "0033"
down_revision = "0032"


def upgrade() -> None:
    run_up(__file__)


def downgrade() -> None:
    run_down(__file__)
