"""What gives way where a Genesys client's budget is short, look-ups of conversations, and how an integration is spoken to."""

from waystate.db.migrate import run_down, run_up

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    run_up(__file__)


def downgrade() -> None:
    run_down(__file__)
