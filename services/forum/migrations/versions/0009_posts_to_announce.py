"""Posts that stand for their writers alone yet, to be counted and announced when they stand for others."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE posts_to_announce (post_id uuid PRIMARY KEY, stands_from timestamptz NOT NULL)")


def downgrade() -> None:
    # Nothing announces them any more: they are numbers and notices of the last two seconds.
    op.execute("DROP TABLE posts_to_announce")
