"""What people keep beside conversations: ready answers, notes, who takes part, and how far each has read."""

from waystate.db.migrate import run_down, run_up

revision = "0035"
down_revision = "0034"


def upgrade() -> None:
    run_up(__file__)


def downgrade() -> None:
    run_down(__file__)
