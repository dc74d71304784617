"""The tables every service has beside its own: outbox, outbox_sent, inbox, idempotency keys, security log.

They keep dates, never clock times: inbox and idempotency rows of events or notifications would otherwise tell
when a member did something (DESIGN §1). Outbox rows bear the time their topic allows.
"""

from typing import Any, Protocol

STATEMENTS = (
    """CREATE TABLE outbox (
        seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        event_id uuid NOT NULL,
        topic text NOT NULL,
        key text NOT NULL,
        type text NOT NULL,
        occurred_at timestamptz NOT NULL,
        payload bytea NOT NULL
    )""",
    """CREATE TABLE outbox_sent (
        event_id uuid NOT NULL,
        topic text NOT NULL,
        key text NOT NULL,
        type text NOT NULL,
        occurred_at timestamptz NOT NULL,
        payload bytea NOT NULL,
        position bigint NOT NULL,
        sent_on date NOT NULL
    )""",
    "CREATE INDEX outbox_sent_by_date ON outbox_sent (sent_on)",
    """CREATE TABLE inbox (
        consumer text NOT NULL,
        event_id uuid NOT NULL,
        received_on date NOT NULL,
        PRIMARY KEY (consumer, event_id)
    )""",
    "CREATE INDEX inbox_by_date ON inbox (received_on)",
    """CREATE TABLE idempotency (
        key_hash bytea PRIMARY KEY,
        body_hash bytea NOT NULL,
        made_id uuid,
        made_on date NOT NULL
    )""",
    "CREATE INDEX idempotency_by_date ON idempotency (made_on)",
    """CREATE TABLE security_log (
        id uuid PRIMARY KEY,
        happened_on date NOT NULL,
        alias uuid,
        event text NOT NULL,
        subject uuid
    )""",
    """CREATE FUNCTION security_log_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'security_log is append-only'; END $$""",
    """CREATE TRIGGER security_log_append_only BEFORE UPDATE OR DELETE ON security_log
        FOR EACH ROW EXECUTE FUNCTION security_log_is_append_only()""",
)


# One row: the Kafka cluster whose topics this database agrees with (shared/bus/agreement.py).
AGREEMENT = """CREATE TABLE agreement (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    cluster text NOT NULL
)"""


class Executes(Protocol):
    """What is needed of `alembic.op`."""

    def execute(self, sqltext: str) -> Any: ...


def create(op: Executes) -> None:
    """Called by each service's first migration."""
    for statement in STATEMENTS:
        op.execute(statement)


def drop(op: Executes) -> None:
    """The reverse, for a downgrade."""
    for table in ("security_log", "idempotency", "inbox", "outbox_sent", "outbox"):
        op.execute(f"DROP TABLE {table}")
    op.execute("DROP FUNCTION security_log_is_append_only")


def create_agreement(op: Executes) -> None:
    """Called by a later migration of each service."""
    op.execute(AGREEMENT)


def drop_agreement(op: Executes) -> None:
    """The reverse, for a downgrade."""
    op.execute("DROP TABLE agreement")
