"""SQL that several reads share. Each takes the aliases of the tables it looks at."""

# ruff: noqa: S608 - statements are put together from fragments of ours only


def hidden(target: str, home: str) -> str:
    """Whether `target` (an id) is hidden: some hide isn't lifted by its own region or by the target's home."""
    return f"""EXISTS (
        SELECT FROM moderation d CROSS JOIN LATERAL unnest(d.hide_ids) AS hide(id)
        WHERE d.target_id = {target} AND NOT EXISTS (
            SELECT FROM moderation l
            WHERE l.target_id = {target} AND hide.id = ANY (l.lifts) AND l.home IN (d.home, {home})))"""


def reason_of(targets: str, home: str) -> str:
    """The reason of the newest hide that isn't lifted of any of `targets` (an array of ids), or null.

    Almost nothing was ever moderated, and one look at an index says so.
    """
    return f"""CASE WHEN EXISTS (SELECT FROM moderation e WHERE e.target_id = ANY ({targets})) THEN (
            SELECT hide.reason FROM moderation d
            CROSS JOIN LATERAL unnest(d.hide_ids, d.hide_reasons) AS hide(id, reason)
            WHERE d.target_id = ANY ({targets}) AND NOT EXISTS (
                SELECT FROM moderation l
                WHERE l.target_id = d.target_id AND hide.id = ANY (l.lifts) AND l.home IN (d.home, {home}))
            ORDER BY d.version DESC LIMIT 1) END"""


def hide_of(targets: str, home: str) -> str:
    """`reason_of` as a lateral subquery of one row; OFFSET keeps the planner from copying it to every place of its use."""
    return f"(SELECT {reason_of(targets, home)} AS reason OFFSET 0)"


def writer_of(row: str) -> str:
    """Who wrote `row` as pages show them, as a lateral subquery: looked up once for each writer, not for each row."""
    return f"""(
        SELECT w.name, w.mark, w.role, {look_alike("w")} AS look_alike
        FROM profiles w WHERE w.id = {row}.author_id OFFSET 0)"""


def writers_of(ids: str) -> str:
    """The profiles of `ids` (a query of some ids) as pages show them, each looked up once."""
    return f"""SELECT w.id, w.name, w.mark, w.role, {look_alike("w")} AS look_alike
        FROM profiles w WHERE w.id = ANY (ARRAY({ids}))"""


def look_alike(profile: str) -> str:
    """Whether an older id has a name that looks like this one's, so that this one bears the neutral mark."""
    return (
        f"""EXISTS (SELECT FROM profiles q WHERE q.skeleton = {profile}.skeleton AND q.id < {profile}.id)"""
    )


def unread(post: str, mark: str, reader: str) -> str:
    """Whether a post by somebody else isn't in what the reader's mark says was read."""
    return f"""({post}.author_id IS DISTINCT FROM {reader} AND NOT {post}.erased
        AND {post}.arrived_at > coalesce({mark}.read_until, '-infinity')
        AND {post}.id <> ALL (coalesce({mark}.shown, '{{}}')))"""


# The caller ($1): `profile_id` is null before their first write; `refused` when closed or erased.
READER = """
    SELECT m.profile_id, coalesce(m.closed OR m.erased, false) AS refused
    FROM (VALUES (1)) AS always LEFT JOIN members m ON m.alias = $1"""
