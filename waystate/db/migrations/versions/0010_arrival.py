"""A ledger row says when it came, which number's it is, and who signed it."""

from waystate.db.migrate import run_down, run_up

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    run_up(__file__)


def downgrade() -> None:
    run_down(__file__)
