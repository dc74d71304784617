"""Accounts: participants, credentials, sessions, aliases, invitations, consents, keys.

Clock times stand only where identity enforces them (sessions, throttling, signing keys); consent and audit keep dates.
"""

from alembic import op

from shared.database import bookkeeping

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STATEMENTS = (
    """CREATE TABLE participants (
        id uuid PRIMARY KEY,
        role text NOT NULL CHECK (role IN ('member', 'consultant', 'provider', 'analyst', 'operator')),
        status text NOT NULL CHECK (status IN ('active', 'suspended', 'closed')),
        research boolean NOT NULL,
        display_name_sealed bytea,
        display_name_hash bytea UNIQUE,
        joined_on date NOT NULL
    )""",
    """CREATE TABLE participant_communities (
        participant_id uuid NOT NULL REFERENCES participants ON DELETE CASCADE,
        community_id uuid NOT NULL,
        PRIMARY KEY (participant_id, community_id)
    )""",
    "CREATE INDEX participant_communities_by_community ON participant_communities (community_id)",
    # Many per person, by kind.
    """CREATE TABLE credentials (
        id uuid PRIMARY KEY,
        participant_id uuid NOT NULL REFERENCES participants ON DELETE CASCADE,
        kind text NOT NULL CHECK (kind IN ('passphrase', 'passkey', 'oidc', 'totp')),
        identifier_hash bytea,
        verifier_sealed bytea NOT NULL,
        created_on date NOT NULL,
        UNIQUE (kind, identifier_hash)
    )""",
    "CREATE INDEX credentials_by_participant ON credentials (participant_id)",
    """CREATE TABLE recovery_codes (
        code_hash bytea PRIMARY KEY,
        participant_id uuid NOT NULL REFERENCES participants ON DELETE CASCADE
    )""",
    "CREATE INDEX recovery_codes_by_participant ON recovery_codes (participant_id)",
    # One row per family: a token names its family, so that a token of any earlier rotation is recognised.
    """CREATE TABLE sessions (
        family_hash bytea PRIMARY KEY,
        participant_id uuid NOT NULL REFERENCES participants ON DELETE CASCADE,
        client_id text NOT NULL,
        level text NOT NULL,
        authenticated_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL,
        token_hash bytea NOT NULL,
        predecessor_hash bytea,
        rotated_at timestamptz
    )""",
    "CREATE INDEX sessions_by_participant ON sessions (participant_id)",
    "CREATE INDEX sessions_by_expiry ON sessions (expires_at)",
    """CREATE TABLE sign_in_failures (
        name_hash bytea PRIMARY KEY,
        failures integer NOT NULL,
        open_at timestamptz NOT NULL,
        forget_at timestamptz NOT NULL
    )""",
    "CREATE INDEX sign_in_failures_by_expiry ON sign_in_failures (forget_at)",
    # The join table: only who holds the keys gets from an alias to a participant.
    """CREATE TABLE aliases (
        alias_hash bytea PRIMARY KEY,
        audience text NOT NULL,
        generation integer NOT NULL,
        participant_sealed bytea NOT NULL
    )""",
    # The way back. No reference to participants: an erased person's aliases live until each service was told.
    """CREATE TABLE participant_aliases (
        participant_id uuid NOT NULL,
        audience text NOT NULL,
        generation integer NOT NULL,
        alias_sealed bytea NOT NULL,
        PRIMARY KEY (participant_id, audience, generation)
    )""",
    # A used invitation is deleted: nothing tells who came by whose invitation.
    """CREATE TABLE invitations (
        code_hash bytea PRIMARY KEY,
        batch_id uuid NOT NULL,
        made_by uuid REFERENCES participants ON DELETE SET NULL,
        role text NOT NULL CHECK (role IN ('member', 'consultant', 'provider', 'analyst', 'operator')),
        communities uuid[] NOT NULL,
        expires_on date NOT NULL
    )""",
    "CREATE INDEX invitations_by_batch ON invitations (batch_id)",
    "CREATE INDEX invitations_by_maker ON invitations (made_by)",
    """CREATE TABLE consents (
        id uuid PRIMARY KEY,
        participant_id uuid NOT NULL REFERENCES participants ON DELETE CASCADE,
        kind text NOT NULL CHECK (kind IN ('participation', 'research', 'agreement')),
        version text NOT NULL,
        language text NOT NULL,
        given boolean NOT NULL,
        stated_on date NOT NULL,
        position integer NOT NULL,
        UNIQUE (participant_id, position)
    )""",
    """CREATE TABLE signing_keys (
        kid text PRIMARY KEY,
        public jsonb NOT NULL,
        private_sealed bytea NOT NULL,
        signs_from timestamptz NOT NULL
    )""",
    """CREATE TABLE communities (
        id uuid PRIMARY KEY,
        home text NOT NULL,
        version bigint NOT NULL,
        erased boolean NOT NULL,
        name text NOT NULL,
        area text NOT NULL,
        open boolean NOT NULL,
        received bytea NOT NULL
    )""",
)
TABLES = (
    "communities signing_keys consents invitations participant_aliases aliases sign_in_failures sessions"
    " recovery_codes credentials participant_communities participants"
)


def upgrade() -> None:
    bookkeeping.create(op)
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for table in TABLES.split():
        op.execute(f"DROP TABLE {table}")
    bookkeeping.drop(op)
