"""Which early statuses the sweep has to look at: those that may have crossed with the claim of their wamid."""

from waystate.db.migrate import run_down, run_up

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    run_up(__file__)


def downgrade() -> None:
    run_down(__file__)
