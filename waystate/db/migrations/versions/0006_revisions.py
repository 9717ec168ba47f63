"""By which revision of the directory a tenant, a route and a sink's judgement stand, so that no two clocks are compared."""

from waystate.db.migrate import run_down, run_up

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    run_up(__file__)


def downgrade() -> None:
    run_down(__file__)
