"""The directory's revision, by which a process knows that what it remembers of tenants still holds."""

from waystate.db.migrate import run_down, run_up

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    run_up(__file__)


def downgrade() -> None:
    run_down(__file__)
