"""Each runtime role sees of tenants and routes what it needs, and no more."""

from waystate.db.migrate import run_down, run_up

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    run_up(__file__)


def downgrade() -> None:
    run_down(__file__)
