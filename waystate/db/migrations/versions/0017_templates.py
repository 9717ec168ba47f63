"""WhatsApp's message templates, and how far they are synchronised."""

from waystate.db.migrate import run_down, run_up

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    run_up(__file__)


def downgrade() -> None:
    run_down(__file__)
