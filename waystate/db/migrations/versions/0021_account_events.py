"""What WhatsApp says of accounts and numbers as such, and what is known of a number since."""

from waystate.db.migrate import run_down, run_up

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    run_up(__file__)


def downgrade() -> None:
    run_down(__file__)
