"""An index of the conversations of a number."""

from waystate.db.migrate import run_down, run_up

revision = "0032"
down_revision = "0031"


def upgrade() -> None:
    run_up(__file__)


def downgrade() -> None:
    run_down(__file__)
