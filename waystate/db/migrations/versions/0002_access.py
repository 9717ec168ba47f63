"""Access: people, sessions, what a key may do, the audit log, idempotency keys, suspended tenants."""

from waystate.db.migrate import run_down, run_up

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    run_up(__file__)


def downgrade() -> None:
    run_down(__file__)
