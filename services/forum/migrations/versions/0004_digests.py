"""What this region has of each home's buckets, and what its neighbours have of its own."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

STATEMENTS = (
    # Buckets whose rows may have changed. Rows of its own for each batch of records: nobody waits for anybody, and
    # nothing is taken away that another transaction is still about to say.
    """CREATE TABLE buckets_to_sum (
        seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        kind text NOT NULL,
        bucket bigint NOT NULL
    )""",
    # `sum` is null until it was summed up for the first time. Of this region's own buckets also the last ten different
    # sums, the newest last, and the mark of each (ms since 1970).
    """CREATE TABLE digests (
        home text NOT NULL,
        kind text NOT NULL,
        bucket bigint NOT NULL,
        sum text,
        until bigint,
        published_at timestamptz,
        sums text[] NOT NULL DEFAULT '{}',
        sums_at bigint[] NOT NULL DEFAULT '{}',
        PRIMARY KEY (home, kind, bucket)
    )""",
    "CREATE INDEX digests_by_publication ON digests (published_at)",
    # A neighbour's last marks, the newest first, and when it was last heard.
    """CREATE TABLE digest_regions (
        region text PRIMARY KEY,
        marks bigint[] NOT NULL,
        heard_at timestamptz NOT NULL
    )""",
    # This region's own buckets as its neighbours have them.
    """CREATE TABLE digest_comparisons (
        region text NOT NULL,
        kind text NOT NULL,
        bucket bigint NOT NULL,
        version bigint NOT NULL,
        verdict text NOT NULL,
        compared_at timestamptz NOT NULL,
        differences integer NOT NULL,
        repairs integer NOT NULL,
        alarmed boolean NOT NULL,
        repair_due boolean NOT NULL,
        repaired integer NOT NULL,
        PRIMARY KEY (region, kind, bucket)
    )""",
    "CREATE INDEX digest_comparisons_to_repair ON digest_comparisons (kind, bucket) WHERE repair_due",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for table in ("digest_comparisons", "digest_regions", "digests", "buckets_to_sum"):
        op.execute(f"DROP TABLE {table}")
