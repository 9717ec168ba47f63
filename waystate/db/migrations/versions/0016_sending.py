"""Who may speak in a conversation, how long its window is open, and messages that wait for their time."""

from waystate.db.migrate import run_down, run_up

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    run_up(__file__)


def downgrade() -> None:
    run_down(__file__)
