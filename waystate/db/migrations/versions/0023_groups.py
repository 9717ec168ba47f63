"""WhatsApp groups: what is so of each, and who is in it."""

from waystate.db.migrate import run_down, run_up

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    run_up(__file__)


def downgrade() -> None:
    run_down(__file__)
