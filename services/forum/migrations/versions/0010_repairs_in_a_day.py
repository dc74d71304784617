"""By this region's own clock: when a digest last counted, and when a bucket's last repair was decided."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "ALTER TABLE digest_comparisons ADD COLUMN counted_at timestamptz, ADD COLUMN last_repair_at timestamptz"
    )


def downgrade() -> None:
    op.execute("ALTER TABLE digest_comparisons DROP COLUMN counted_at, DROP COLUMN last_repair_at")
