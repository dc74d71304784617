"""Studies, what is known of their aliases, and publications. Dates only (DESIGN §1)."""

from alembic import op

from shared.database import bookkeeping

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STATEMENTS = (
    """CREATE TABLE studies (
        id uuid PRIMARY KEY,
        title text NOT NULL,
        communities uuid[] NOT NULL,
        fields text[] NOT NULL,
        sources text[] NOT NULL,
        status text NOT NULL CHECK (status IN ('proposed', 'open', 'closing', 'closed')),
        analyst uuid NOT NULL,
        approved_by uuid CHECK (approved_by <> analyst),
        closed_by uuid CHECK (closed_by <> analyst),
        proposed_on date NOT NULL,
        opened_on date,
        ends_on date NOT NULL,
        closed_on date,
        opened_at timestamptz,
        closed_at timestamptz,
        version bigint
    )""",
    "CREATE INDEX studies_by_analyst ON studies (analyst)",
    # An alias stays here when erased: later records for it are dropped for ever.
    """CREATE TABLE study_aliases (
        alias uuid PRIMARY KEY,
        study_id uuid NOT NULL,
        source text NOT NULL,
        version bigint NOT NULL,
        erased boolean NOT NULL,
        row_version bigint
    )""",
    "CREATE INDEX study_aliases_by_study ON study_aliases (study_id, alias)",
    """CREATE TABLE activity (
        alias uuid NOT NULL REFERENCES study_aliases,
        day date NOT NULL,
        kind text NOT NULL,
        acts integer NOT NULL CHECK (acts > 0),
        PRIMARY KEY (alias, day, kind)
    )""",
    """CREATE TABLE received (
        study_id uuid NOT NULL,
        source text NOT NULL,
        records bigint NOT NULL,
        PRIMARY KEY (study_id, source)
    )""",
    """CREATE TABLE journeys (
        study_id uuid PRIMARY KEY,
        version bigint NOT NULL,
        counts jsonb NOT NULL,
        rows jsonb NOT NULL
    )""",
    """CREATE TABLE gatherings (
        id uuid PRIMARY KEY,
        version bigint NOT NULL,
        erased boolean NOT NULL,
        community_id uuid NOT NULL,
        day date,
        cancelled boolean NOT NULL,
        head_count integer
    )""",
    "CREATE INDEX gatherings_by_community ON gatherings (community_id, day)",
    """CREATE TABLE accounts (
        alias uuid PRIMARY KEY,
        version bigint NOT NULL,
        closed boolean NOT NULL
    )""",
    # Made once: the row is never changed, so that what was published can't be told apart from a second version.
    """CREATE TABLE publications (
        study_id uuid PRIMARY KEY REFERENCES studies,
        communities uuid[] NOT NULL,
        since date NOT NULL,
        until date NOT NULL,
        figures jsonb NOT NULL,
        made_on date NOT NULL
    )""",
    """CREATE FUNCTION publications_stay() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'publications are made once'; END $$""",
    """CREATE TRIGGER publications_stay BEFORE UPDATE OR DELETE ON publications
        FOR EACH ROW EXECUTE FUNCTION publications_stay()""",
)


def upgrade() -> None:
    bookkeeping.create(op)
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for table in (
        "publications",
        "accounts",
        "gatherings",
        "journeys",
        "received",
        "activity",
        "study_aliases",
        "studies",
    ):
        op.execute(f"DROP TABLE {table}")
    op.execute("DROP FUNCTION publications_stay")
    bookkeeping.drop(op)
