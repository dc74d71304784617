"""Regions whose decisions operators have muted; an erased state is the last among held records too."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE muted_regions (region text PRIMARY KEY, muted_on date NOT NULL)")
    op.execute("ALTER TABLE held_records ADD COLUMN erased boolean NOT NULL DEFAULT false")
    op.execute("ALTER TABLE held_records ALTER COLUMN erased DROP DEFAULT")


def downgrade() -> None:
    op.execute("ALTER TABLE held_records DROP COLUMN erased")
    op.execute("DROP TABLE muted_regions")
