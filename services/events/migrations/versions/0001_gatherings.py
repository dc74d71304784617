"""Communities, gatherings, answers, check-ins, names to be called by, guests.

No column tells when somebody did something; the only clock time is the wall time a café is planned for. Ids are random.
"""

from alembic import op

from shared.database import bookkeeping

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STATEMENTS = (
    """CREATE TABLE communities (
        id uuid PRIMARY KEY,
        name text NOT NULL,
        name_key text NOT NULL UNIQUE,
        area text NOT NULL,
        open boolean NOT NULL,
        version bigint NOT NULL
    )""",
    """CREATE TABLE gatherings (
        id uuid PRIMARY KEY,
        kind text NOT NULL,
        community_id uuid NOT NULL REFERENCES communities,
        series_id uuid NOT NULL,
        planned_by uuid,
        title text,
        starts timestamp without time zone NOT NULL,
        zone text NOT NULL,
        duration_minutes integer NOT NULL CHECK (duration_minutes > 0),
        area text NOT NULL,
        way_there text NOT NULL,
        toilet text NOT NULL,
        step_free boolean NOT NULL,
        met_by text NOT NULL,
        place text NOT NULL,
        capacity integer CHECK (capacity > 0),
        prompt_thread uuid,
        prompt_text text,
        cancelled boolean NOT NULL,
        reason text,
        previous_starts timestamp without time zone,
        revision integer NOT NULL,
        head_count integer CHECK (head_count >= 0),
        version bigint NOT NULL
    )""",
    "CREATE INDEX gatherings_in_order ON gatherings (community_id, starts, id)",
    "CREATE INDEX gatherings_of_series ON gatherings (series_id)",
    """CREATE TABLE guests (
        alias uuid PRIMARY KEY,
        role text NOT NULL,
        communities uuid[] NOT NULL,
        closed boolean NOT NULL,
        erased boolean NOT NULL,
        version bigint NOT NULL
    )""",
    "CREATE INDEX guests_of_communities ON guests USING gin (communities)",
    """CREATE TABLE answers (
        gathering_id uuid NOT NULL REFERENCES gatherings,
        alias uuid NOT NULL,
        answer text NOT NULL CHECK (answer IN ('come', 'maybe', 'not-this-time', 'not-today')),
        position integer CHECK (position IS NULL OR answer = 'come'),
        revision integer NOT NULL,
        place_came boolean NOT NULL,
        PRIMARY KEY (gathering_id, alias)
    )""",
    "CREATE INDEX answers_of_alias ON answers (alias)",
    """CREATE TABLE check_ins (
        gathering_id uuid NOT NULL REFERENCES gatherings,
        alias uuid NOT NULL,
        PRIMARY KEY (gathering_id, alias)
    )""",
    "CREATE INDEX check_ins_of_alias ON check_ins (alias)",
    # `owner` is a keyed hash of (gathering, alias): a copy of this table and of answers can't be joined.
    """CREATE TABLE called_names (
        id uuid PRIMARY KEY,
        gathering_id uuid NOT NULL REFERENCES gatherings,
        owner bytea NOT NULL UNIQUE,
        sealed bytea NOT NULL
    )""",
    "CREATE INDEX called_names_of_gathering ON called_names (gathering_id)",
)


def upgrade() -> None:
    bookkeeping.create(op)
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for table in ("called_names", "check_ins", "answers", "guests", "gatherings", "communities"):
        op.execute(f"DROP TABLE {table}")
    bookkeeping.drop(op)
