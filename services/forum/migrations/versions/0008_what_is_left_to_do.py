"""Which buckets can't be summed up, and which erasures of other regions aren't answered yet."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

STATEMENTS = (
    # This region's mark from which on it couldn't be summed up.
    "ALTER TABLE buckets_to_sum ADD COLUMN failing_since bigint",
    # Nothing is to be said here any more. Whoever looks each second reads only what is left.
    "ALTER TABLE erasures ADD COLUMN answered boolean NOT NULL DEFAULT false",
    "CREATE INDEX erasures_to_answer ON erasures (erasure_id) WHERE NOT answered",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("ALTER TABLE erasures DROP COLUMN answered")
    op.execute("ALTER TABLE buckets_to_sum DROP COLUMN failing_since")
