"""Whether RabbitMQ was attached before: then its cursors go on, and no tenant is begun from now on."""

from waystate.db.migrate import run_down, run_up

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    run_up(__file__)


def downgrade() -> None:
    run_down(__file__)
