"""What a profile shows of its community, and whom a peer consultant's second account belongs to."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE profiles ADD COLUMN community text, ADD COLUMN same_as uuid")


def downgrade() -> None:
    op.execute("ALTER TABLE profiles DROP COLUMN community, DROP COLUMN same_as")
