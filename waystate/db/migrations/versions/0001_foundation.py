"""The first schema: tenants, ledger, contacts, conversations, messages, events, deliveries."""

from waystate.db.migrate import run_down, run_up

revision = "0001"
down_revision = None


def upgrade() -> None:
    run_up(__file__)


def downgrade() -> None:
    run_down(__file__)
