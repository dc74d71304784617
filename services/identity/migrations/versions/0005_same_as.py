"""Which forum profile a peer consultant has in another region: in their invitation, then sealed with the account."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE invitations ADD COLUMN same_as uuid")
    op.execute("ALTER TABLE participants ADD COLUMN same_as_sealed bytea")


def downgrade() -> None:
    op.execute("ALTER TABLE participants DROP COLUMN same_as_sealed")
    op.execute("ALTER TABLE invitations DROP COLUMN same_as")
