"""What peer consultants were told about posts, and pauses from writing."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

STATEMENTS = (
    # -- the shared forum: what was passed on to the home of a post's writer ------------------------------------------
    """CREATE TABLE reports (
        id uuid PRIMARY KEY,
        nonce bytea NOT NULL,
        home text NOT NULL,
        version bigint NOT NULL,
        erased boolean NOT NULL,
        received jsonb,
        projection smallint NOT NULL,
        arrived_at timestamptz NOT NULL,
        read_back bigint,
        post_id uuid NOT NULL,
        category text
    )""",
    # -- this region's alone ------------------------------------------------------------------------------------------
    # What its peer consultants have been told, by members here (`told_by`: who, as a keyed hash that nobody can turn
    # round, and only while it is open) or by a neighbour's report of the same id. `nonce`: until it was looked whether
    # the writer's home must hear of it; not when it is told, so that how long that takes doesn't say where that is.
    """CREATE TABLE concerns (
        id uuid PRIMARY KEY,
        post_id uuid NOT NULL,
        category text NOT NULL,
        told_by bytea,
        nonce bytea,
        arrived_at timestamptz NOT NULL,
        closed_on date
    )""",
    "CREATE UNIQUE INDEX concerns_told_once ON concerns (post_id, told_by)",
    "CREATE INDEX concerns_open ON concerns (post_id) WHERE closed_on IS NULL",
    "CREATE INDEX concerns_to_pass_on ON concerns (id) WHERE nonce IS NOT NULL",
    # A post as it was when somebody told of it, until the peer consultants are done with it.
    """CREATE TABLE kept_versions (
        post_id uuid PRIMARY KEY,
        title text,
        body_html text NOT NULL
    )""",
    # The last pause of each alias. `seen`: its member has opened the page that says what it says now.
    """CREATE TABLE sanctions (
        alias uuid PRIMARY KEY,
        id uuid NOT NULL UNIQUE,
        reason text NOT NULL,
        until timestamptz NOT NULL,
        lifted boolean NOT NULL,
        seen boolean NOT NULL
    )""",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for table in ("sanctions", "kept_versions", "concerns", "reports"):
        op.execute(f"DROP TABLE {table}")
