"""Which Kafka cluster this database agrees with, so that a restored one is read back."""

from alembic import op

from shared.database import bookkeeping

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    bookkeeping.create_agreement(op)


def downgrade() -> None:
    bookkeeping.drop_agreement(op)
