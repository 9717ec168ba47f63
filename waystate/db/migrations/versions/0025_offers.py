"""What agents and bots offer customers to choose from, until they answer; and when one was last shown that somebody types."""

from waystate.db.migrate import run_down, run_up

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    run_up(__file__)


def downgrade() -> None:
    run_down(__file__)
