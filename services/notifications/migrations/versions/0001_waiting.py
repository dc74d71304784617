"""One flag per alias and category, and the aliases that have left."""

from alembic import op

from shared.database import bookkeeping

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    bookkeeping.create(op)
    op.execute(
        """CREATE TABLE waiting (
            alias uuid NOT NULL,
            category text NOT NULL,
            PRIMARY KEY (alias, category)
        )"""
    )
    op.execute(
        """CREATE TABLE departed (
            alias uuid PRIMARY KEY,
            closed boolean NOT NULL,
            erased boolean NOT NULL,
            version bigint NOT NULL
        )"""
    )


def downgrade() -> None:
    op.execute("DROP TABLE departed")
    op.execute("DROP TABLE waiting")
    bookkeeping.drop(op)
