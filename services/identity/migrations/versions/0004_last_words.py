"""Which Kafka cluster this database agrees with, and the last words about aliases, which a lost Kafka must hear again."""

from alembic import op

from shared.database import bookkeeping

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# What stands on identity's own state topics, found by a keyed hash of whom it is about, its moment sealed with it.
# A row for itself: nothing joins two of one person.
LAST_WORDS = """CREATE TABLE last_words (
    topic text NOT NULL,
    about bytea NOT NULL,
    sealed bytea NOT NULL,
    PRIMARY KEY (topic, about)
)"""


def upgrade() -> None:
    bookkeeping.create_agreement(op)
    op.execute(LAST_WORDS)


def downgrade() -> None:
    op.execute("DROP TABLE last_words")
    bookkeeping.drop_agreement(op)
