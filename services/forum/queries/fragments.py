"""SQL that several reads share. Each takes the aliases of the tables it looks at."""

# ruff: noqa: S608 - statements are put together from fragments of ours only


def hidden(target: str, home: str) -> str:
    """Whether `target` (an id) is hidden: some hide isn't lifted by its own region or by the target's home.

    Of muted regions no decision counts (rules.hiding).
    """
    return f"""EXISTS (
        SELECT FROM moderation d CROSS JOIN LATERAL unnest(d.hide_ids) AS hide(id)
        WHERE d.target_id = {target} AND {_heard("d")} AND NOT EXISTS (
            SELECT FROM moderation l
            WHERE l.target_id = {target} AND hide.id = ANY (l.lifts) AND l.home IN (d.home, {home})
                AND {_heard("l")}))"""


def reason_of(targets: str, home: str) -> str:
    """The reason of the newest hide that isn't lifted of any of `targets` (an array of ids), or null.

    Almost nothing was ever moderated, and one look at an index says so.
    """
    return f"""CASE WHEN EXISTS (SELECT FROM moderation e WHERE e.target_id = ANY ({targets})) THEN (
            SELECT hide.reason FROM moderation d
            CROSS JOIN LATERAL unnest(d.hide_ids, d.hide_reasons) WITH ORDINALITY AS hide(id, reason, place)
            WHERE d.target_id = ANY ({targets}) AND {_heard("d")} AND NOT EXISTS (
                SELECT FROM moderation l
                WHERE l.target_id = d.target_id AND hide.id = ANY (l.lifts) AND l.home IN (d.home, {home})
                    AND {_heard("l")})
            ORDER BY d.version DESC, d.id COLLATE "C" DESC, hide.place DESC LIMIT 1) END"""


def hide_of(targets: str, home: str) -> str:
    """`reason_of` as a lateral subquery of one row; OFFSET keeps the planner from copying it to every place of its use."""
    return f"(SELECT {reason_of(targets, home)} AS reason OFFSET 0)"


def _heard(decision: str) -> str:
    return f"{decision}.home <> ALL (ARRAY(SELECT u.region FROM muted_regions u))"


def opens(post: str) -> str:
    """Whether `post` opens its thread: it says so, and its writer is the thread's, if that is here (rules.counting)."""
    return f"""({post}.opening AND NOT EXISTS (
        SELECT FROM threads t_ WHERE t_.id = {post}.thread_id AND t_.author_id <> {post}.author_id))"""


def writer_of(row: str) -> str:
    """Who wrote `row` as pages show them, as a lateral subquery: looked up once for each writer, not for each row."""
    return f"""(
        SELECT w.name, w.mark, w.role, {look_alike("w")} AS look_alike, {community("w")}
        FROM profiles w WHERE w.id = {row}.author_id OFFSET 0)"""


def writers_of(ids: str) -> str:
    """The profiles of `ids` (a query of some ids) as pages show them, each looked up once."""
    return f"""SELECT w.id, w.name, w.mark, w.role, {look_alike("w")} AS look_alike, {community("w")}
        FROM profiles w WHERE w.id = ANY (ARRAY({ids}))"""


def look_alike(profile: str) -> str:
    """Whether an older id has a name that looks like this one's, so that this one bears the neutral mark.

    A consultant's accounts in several regions stand as the oldest of them does; a muted region's word of it doesn't count (rules.naming).
    """
    return f"""EXISTS (
        SELECT FROM profiles q WHERE q.skeleton = {profile}.skeleton AND q.id < {profile}.id
            AND NOT {_same_person("q", profile)} AND NOT EXISTS (
                SELECT FROM profiles o WHERE o.skeleton = {profile}.skeleton AND o.id < q.id
                    AND {_same_person("o", profile)}))"""


def _same_person(one: str, other: str) -> str:
    return f"""({one}.role = 'consultant' AND {other}.role = 'consultant' AND {_person(one)} = {_person(other)})"""


def _person(profile: str) -> str:
    return f"""CASE WHEN {profile}.same_as IS NULL THEN {profile}.id WHEN {_heard(profile)} THEN {profile}.same_as
        ELSE {profile}.id END"""


def community(profile: str) -> str:
    """What a profile shows of where its member belongs: nothing of who doesn't show it."""
    return f"""{profile}.community, CASE WHEN {profile}.community IS NOT NULL THEN {profile}.home END AS region"""


def stands(row: str, reader: str, standing: str) -> str:
    """Whether a post or thread is there for `reader` (a profile id): one's own at once, others' at `Home.standing`."""
    return f"({row}.arrived_at <= {standing} OR {row}.author_id = {reader})"


def unread(post: str, mark: str, reader: str, standing: str) -> str:
    """Whether a post by somebody else stands, and isn't in what the reader's mark says was read."""
    return f"""({post}.author_id IS DISTINCT FROM {reader} AND NOT {post}.erased AND {post}.arrived_at <= {standing}
        AND {post}.arrived_at > coalesce({mark}.read_until, '-infinity')
        AND {post}.id <> ALL (coalesce({mark}.shown, '{{}}')))"""


# The caller ($1): `profile_id` is null before their first write; `refused` when closed or erased.
READER = """
    SELECT m.profile_id, coalesce(m.closed OR m.erased, false) AS refused
    FROM (VALUES (1)) AS always LEFT JOIN members m ON m.alias = $1"""
