"""Numbers that WhatsApp refuses until somebody mends the cause."""

from waystate.db.migrate import run_down, run_up

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    run_up(__file__)


def downgrade() -> None:
    run_down(__file__)
