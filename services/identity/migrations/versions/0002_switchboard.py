"""The switchboard's tables: what is held until its release, and the studies it writes engagement for.

Nothing here is kept: a held row goes with its release, an enrolment with its study. What would join a
participant to an alias is sealed.
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

STATEMENTS = (
    # One row per alias and category: equal notices within a release become one.
    """CREATE TABLE notices_held (
        alias uuid NOT NULL,
        category text NOT NULL,
        settles boolean NOT NULL,
        urgency text,
        asked_at timestamptz NOT NULL,
        due_at timestamptz NOT NULL,
        PRIMARY KEY (alias, category)
    )""",
    "CREATE INDEX notices_held_by_due ON notices_held (due_at)",
    """CREATE TABLE acts_held (
        id uuid PRIMARY KEY,
        participant_sealed bytea NOT NULL,
        source text NOT NULL,
        kind text NOT NULL,
        at timestamptz,
        day date,
        study_id uuid,
        due_at timestamptz NOT NULL,
        CHECK ((at IS NULL) <> (day IS NULL))
    )""",
    "CREATE INDEX acts_held_by_due ON acts_held (due_at)",
    """CREATE TABLE studies (
        id uuid PRIMARY KEY,
        home text NOT NULL,
        version bigint NOT NULL,
        erased boolean NOT NULL,
        communities uuid[] NOT NULL,
        sources text[] NOT NULL,
        status text NOT NULL,
        opened_at timestamptz,
        closed_at timestamptz,
        enrolling boolean NOT NULL,
        closing_since timestamptz,
        drained_at timestamptz,
        forgetting_after uuid,
        counted_on date
    )""",
    # No reference to participants: its check would wait for whoever decides on consent, and they for the enrolling.
    """CREATE TABLE study_enrolments (
        participant_id uuid NOT NULL,
        study_id uuid NOT NULL REFERENCES studies (id),
        sealed bytea NOT NULL,
        PRIMARY KEY (participant_id, study_id)
    )""",
    "CREATE INDEX study_enrolments_by_study ON study_enrolments (study_id)",
    """CREATE TABLE study_rows (
        study_id uuid NOT NULL REFERENCES studies (id),
        source text NOT NULL,
        released bigint NOT NULL,
        PRIMARY KEY (study_id, source)
    )""",
    # Last words about an alias (closed, erased), each said at a time of its own.
    """CREATE TABLE endings_due (
        id uuid PRIMARY KEY,
        sealed bytea NOT NULL,
        due_at timestamptz NOT NULL,
        until timestamptz NOT NULL
    )""",
    "CREATE INDEX endings_due_by_due ON endings_due (due_at)",
    """CREATE TABLE erasure_receipts (
        id uuid PRIMARY KEY,
        receipt_hash bytea NOT NULL,
        audience text NOT NULL,
        erasure_sealed bytea NOT NULL,
        told_on date,
        expires_on date NOT NULL
    )""",
    "CREATE INDEX erasure_receipts_by_hash ON erasure_receipts (receipt_hash)",
)
TABLES = (
    "erasure_receipts",
    "endings_due",
    "study_rows",
    "study_enrolments",
    "studies",
    "acts_held",
    "notices_held",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for table in TABLES:
        op.execute(f"DROP TABLE {table}")
