"""Which Kafka cluster this database agrees with, so that a restored one is read back; publications outlive their study."""

from alembic import op

from shared.database import bookkeeping

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    bookkeeping.create_agreement(op)
    # What was published since the backup stays published, though its study is lost.
    op.execute("ALTER TABLE publications DROP CONSTRAINT publications_study_id_fkey")


def downgrade() -> None:
    bookkeeping.drop_agreement(op)
