"""Files that customers send and get, and what of them WhatsApp has."""

from waystate.db.migrate import run_down, run_up

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    run_up(__file__)


def downgrade() -> None:
    run_down(__file__)
