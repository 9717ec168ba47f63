"""Which contacts were merged into which, and what undoing it takes."""

from waystate.db.migrate import run_down, run_up

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    run_up(__file__)


def downgrade() -> None:
    run_down(__file__)
