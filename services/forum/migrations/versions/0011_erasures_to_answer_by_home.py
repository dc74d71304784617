"""What is left to answer is looked for home by home."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("DROP INDEX erasures_to_answer")
    op.execute("CREATE INDEX erasures_to_answer ON erasures (home, id) WHERE NOT answered")


def downgrade() -> None:
    op.execute("DROP INDEX erasures_to_answer")
    op.execute("CREATE INDEX erasures_to_answer ON erasures (erasure_id) WHERE NOT answered")
