"""What Waystate sent for a number until a change: what came before the change is judged by that."""

from waystate.db.migrate import run_down, run_up

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    run_up(__file__)


def downgrade() -> None:
    run_down(__file__)
