"""What customers do to messages afterwards: reactions, edits, revocations. And what a status says beside itself."""

from waystate.db.migrate import run_down, run_up

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    run_up(__file__)


def downgrade() -> None:
    run_down(__file__)
