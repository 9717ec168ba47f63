"""Which message Genesys knows by an id: what it answered to our deliveries, found by the trace."""

from waystate.db.migrate import run_down, run_up

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    run_up(__file__)


def downgrade() -> None:
    run_down(__file__)
