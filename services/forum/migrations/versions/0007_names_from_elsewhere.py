"""Forum names of members elsewhere, which stand here already, are reserved as those of this region are."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "INSERT INTO names (skeleton, profile_id) SELECT skeleton, id FROM profiles"
        " WHERE skeleton IS NOT NULL ORDER BY id ON CONFLICT DO NOTHING"
    )


def downgrade() -> None:
    """They stay taken."""
