"""The shared forum as this region keeps it, and what belongs to this region alone."""

from alembic import op

from shared.database import bookkeeping

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Every replicated row: who wrote it, its last version, the JSON as received (null where this region wrote it),
# which projection filled the columns, when it arrived in this region, and the highest version read back from our
# own topic. No foreign keys between them: nothing is dropped for arriving early.
REPLICATED = """
        home text NOT NULL,
        version bigint NOT NULL,
        erased boolean NOT NULL,
        received jsonb,
        projection smallint NOT NULL,
        arrived_at timestamptz NOT NULL,
        read_back bigint"""
AUTHORED = """
        author_id uuid NOT NULL,
        author_nonce bytea NOT NULL"""

STATEMENTS = (
    # -- the shared forum -------------------------------------------------------------------------------------------
    f"""CREATE TABLE profiles (
        id uuid PRIMARY KEY,
        nonce bytea NOT NULL,{REPLICATED},
        role text NOT NULL,
        name text,
        skeleton text,
        mark integer
    )""",
    "CREATE INDEX profiles_by_skeleton ON profiles (skeleton) WHERE skeleton IS NOT NULL",
    f"""CREATE TABLE threads (
        id uuid PRIMARY KEY,
        nonce bytea NOT NULL,{REPLICATED},{AUTHORED},
        title text,
        wish text,
        search tsvector GENERATED ALWAYS AS (
            to_tsvector('pg_catalog.english', coalesce(title, ''))
            || to_tsvector('pg_catalog.norwegian', coalesce(title, ''))) STORED
    )""",
    "CREATE INDEX threads_by_author ON threads (author_id)",
    "CREATE INDEX threads_by_search ON threads USING gin (search)",
    # `counted`: stands in its thread's number of replies. `written`: the first version, the place on the page.
    f"""CREATE TABLE posts (
        id uuid PRIMARY KEY,
        nonce bytea NOT NULL,{REPLICATED},{AUTHORED},
        thread_id uuid NOT NULL,
        written bigint NOT NULL,
        opening boolean NOT NULL,
        edited boolean NOT NULL,
        body text,
        body_html text,
        announced_at timestamptz,
        counted boolean NOT NULL DEFAULT false,
        search tsvector GENERATED ALWAYS AS (
            to_tsvector('pg_catalog.english', coalesce(body, ''))
            || to_tsvector('pg_catalog.norwegian', coalesce(body, ''))) STORED
    ) WITH (fillfactor = 80)""",  # room for the update that counts and announces it
    "CREATE INDEX posts_in_order ON posts (thread_id, written, id)",
    "CREATE INDEX posts_by_arrival ON posts (thread_id, arrived_at)",
    "CREATE INDEX posts_by_author ON posts (author_id)",
    "CREATE INDEX posts_by_search ON posts USING gin (search) WITH (gin_pending_list_limit = 256)",
    f"""CREATE TABLE reactions (
        id uuid PRIMARY KEY,
        nonce bytea NOT NULL,{REPLICATED},{AUTHORED},
        post_id uuid NOT NULL,
        kind text
    )""",
    "CREATE INDEX reactions_to_post ON reactions (post_id) INCLUDE (author_id, kind) WHERE NOT erased",
    "CREATE INDEX reactions_by_author ON reactions (author_id)",
    # One region's whole decision about one target; hide_ids and hide_reasons go in step.
    f"""CREATE TABLE moderation (
        id text PRIMARY KEY,{REPLICATED},
        target_id uuid NOT NULL,
        target_kind text NOT NULL,
        hide_ids uuid[] NOT NULL,
        hide_reasons text[] NOT NULL,
        lifts uuid[] NOT NULL
    )""",
    "CREATE INDEX moderation_by_target ON moderation (target_id)",
    f"""CREATE TABLE erasures (
        id text PRIMARY KEY,{REPLICATED},
        erasure_id uuid NOT NULL,
        profiles uuid[] NOT NULL,
        threads uuid[] NOT NULL,
        posts uuid[] NOT NULL,
        reactions uuid[] NOT NULL,
        acknowledged boolean NOT NULL
    )""",
    "CREATE INDEX erasures_by_erasure ON erasures (erasure_id)",
    # Records more than ten minutes ahead of time, until they are due.
    """CREATE TABLE held_records (
        topic text NOT NULL,
        origin text NOT NULL,
        key text NOT NULL,
        version bigint NOT NULL,
        due_at timestamptz NOT NULL,
        event_id uuid NOT NULL,
        type text NOT NULL,
        occurred_at timestamptz NOT NULL,
        body bytea NOT NULL,
        PRIMARY KEY (topic, origin, key)
    )""",
    "CREATE INDEX held_records_due ON held_records (due_at)",
    # -- computed on apply: a row of its own, so that a reply may come before its thread and a write locks neither ---
    # `first_writer` and `answered`: whether anybody but one person wrote in it.
    """CREATE TABLE thread_activity (
        thread_id uuid PRIMARY KEY,
        replies integer NOT NULL,
        last_written bigint NOT NULL,
        first_writer uuid,
        answered boolean NOT NULL
    )""",
    "CREATE INDEX thread_activity_latest ON thread_activity (last_written, thread_id)",
    "CREATE INDEX thread_activity_unanswered ON thread_activity (thread_id) WHERE NOT answered",
    # -- this region's alone: nothing with an alias leaves it --------------------------------------------------------
    # `version` is identity's. An alias that was erased stays, to be refused whatever its token says.
    """CREATE TABLE members (
        alias uuid PRIMARY KEY,
        profile_id uuid UNIQUE,
        role text,
        closed boolean NOT NULL DEFAULT false,
        erased boolean NOT NULL DEFAULT false,
        erasure_id uuid,
        erasing_since timestamptz,
        erased_at timestamptz,
        version bigint
    )""",
    "CREATE INDEX members_to_erase ON members (erasing_since) WHERE erasing_since IS NOT NULL AND erased_at IS NULL",
    # A name once taken in this region stays taken, also when its owner has another or has left.
    """CREATE TABLE names (
        skeleton text PRIMARY KEY,
        profile_id uuid NOT NULL
    )""",
    """CREATE TABLE watching (
        alias uuid NOT NULL,
        thread_id uuid NOT NULL,
        since timestamptz NOT NULL,
        PRIMARY KEY (alias, thread_id)
    )""",
    "CREATE INDEX watching_by_thread ON watching (thread_id)",
    # Read: all that arrived until `read_until`, and `shown`, which arrived after it. `opened_at`: the last view.
    """CREATE TABLE read_marks (
        alias uuid NOT NULL,
        thread_id uuid NOT NULL,
        read_until timestamptz NOT NULL,
        shown uuid[] NOT NULL,
        opened_at timestamptz NOT NULL,
        PRIMARY KEY (alias, thread_id)
    )""",
    # What was last told to its author about a target, and what they haven't opened of it.
    """CREATE TABLE moderation_told (
        target_id uuid PRIMARY KEY,
        hidden boolean NOT NULL
    )""",
    """CREATE TABLE moderation_news (
        alias uuid NOT NULL,
        target_id uuid NOT NULL,
        thread_id uuid NOT NULL,
        kind text NOT NULL,
        reason text,
        told_at timestamptz NOT NULL,
        PRIMARY KEY (alias, target_id)
    )""",
)


def upgrade() -> None:
    bookkeeping.create(op)
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for table in (
        "moderation_news", "moderation_told", "read_marks", "watching", "names", "members", "thread_activity",
        "held_records", "erasures", "moderation", "reactions", "posts", "threads", "profiles",
    ):  # fmt: skip
        op.execute(f"DROP TABLE {table}")
    bookkeeping.drop(op)
