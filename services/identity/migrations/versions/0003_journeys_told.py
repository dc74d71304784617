"""Of which studies journeys left: another study of any of their communities tells none."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE studies ADD COLUMN journeys_told boolean NOT NULL DEFAULT false")
    op.execute("UPDATE studies SET journeys_told = true WHERE counted_on IS NOT NULL")


def downgrade() -> None:
    op.execute("ALTER TABLE studies DROP COLUMN journeys_told")
