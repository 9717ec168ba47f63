"""By how many lanes ledger rows and deliveries are shared out: with another number, what is not done is shared out anew."""

from waystate.db.migrate import run_down, run_up

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    run_up(__file__)


def downgrade() -> None:
    run_down(__file__)
