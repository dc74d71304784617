"""The one catalogue of topics: name, kind, payloads, partitions, how times are cut and when rows go.

The scope is in the name: `shared.*` is mirrored between regions, `local.*` never is (DESIGN §3).
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from enum import Enum
from typing import get_args

from shared.contracts.payloads import activity, analytics, events, forum, identity, notices
from shared.contracts.payloads.payload import Payload

DAY_MS = 24 * 60 * 60 * 1000
FACT_RETENTION_DAYS = 7
SOURCES: tuple[identity.Source, ...] = get_args(identity.Source)
LARGEST_MIRRORED = 1088 * 1024  # bytes: what a neighbour may keep (1 MiB), and how it is wrapped
RESEARCH = "local.research."  # before a study's id
DEAD_LETTER_DAYS = 30  # an unknown type waits there until the upgrade; inbox rows outlive it


class Kind(Enum):
    STATE = "state"  # compacted: the last record of a key is the whole entity
    FACTS = "facts"  # deleted after a while


class TimeCut(Enum):
    """How precisely a record tells its time, in `ce_time` and in Kafka's timestamp alike."""

    NONE = "none"
    MINUTE = "minute"
    DAY = "day"

    def cut(self, at: datetime) -> datetime:
        """`at` (aware, UTC) without what this topic may not tell."""
        match self:
            case TimeCut.NONE:
                return at
            case TimeCut.MINUTE:
                return at.replace(second=0, microsecond=0)
            case TimeCut.DAY:
                return datetime.combine(at.astimezone(UTC).date(), time(), UTC)


class WhenSent(Enum):
    KEEP = "keep"  # a day in outbox_sent, to publish again after a power cut
    DELETE = "delete"  # at once: on the switchboard's way the trail joins, not only the delay


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic. `text`: carries what members wrote, so its dead letters have no body and its old segments go daily.

    `switchboard`: records are deleted once handled; hourly keep-alives roll the segments.
    """

    name: str
    kind: Kind
    payloads: tuple[type[Payload], ...]
    publisher: str
    partitions: int = 4
    time_cut: TimeCut = TimeCut.NONE
    when_sent: WhenSent = WhenSent.KEEP
    text: bool = False
    switchboard: bool = False
    retention_days: int = FACT_RETENTION_DAYS  # of facts; states stay
    origin: str | None = None  # the neighbour whose topic this one is a copy of

    @property
    def mirrored(self) -> bool:
        """Whether neighbours get a copy of it: the scope is in the name."""
        return self.origin is None and self.name.startswith("shared.")

    def mirrored_from(self, neighbour: str) -> "Topic":
        """The copy of that neighbour's topic in our cluster.

        Raises ValueError for what isn't mirrored, copies included.
        """
        if not self.mirrored:
            raise ValueError(f"{self.name} is not mirrored")
        return replace(self, name=f"{neighbour}.{self.name}", origin=neighbour)

    def payload_of(self, type_: str) -> type[Payload] | None:
        """The payload model of a CloudEvents type on this topic, or None if it isn't known here (yet)."""
        return next((payload for payload in self.payloads if payload.type == type_), None)

    @property
    def config(self) -> dict[str, str]:
        """Kafka's topic settings (FIELD-NOTES, Erasing from Kafka)."""
        config = {"min.insync.replicas": "1"}
        if self.kind is Kind.STATE:
            config |= {"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.1"}
            if self.text:
                config |= {"segment.ms": str(DAY_MS), "max.compaction.lag.ms": str(DAY_MS)}
        else:
            config |= {"cleanup.policy": "delete", "retention.ms": str(self.retention_days * DAY_MS)}
        if self.switchboard:
            config |= {"segment.ms": str(30 * 60 * 1000), "file.delete.delay.ms": "1000"}
        if self.origin is not None:
            # Whatever stands in a neighbour's topic goes into ours and is judged there: a record that Kafka refused
            # would hold up its link. Not compressed, whoever wrote it: our clients don't know every way of it, and
            # what was erased is looked for in the files.
            config |= {
                "compression.type": "uncompressed",
                "max.message.bytes": str(LARGEST_MIRRORED),
                "message.timestamp.after.max.ms": str(2**63 - 1),
            }
        return config


def _facts(name: str, publisher: str, *payloads: type[Payload], cut: TimeCut) -> Topic:
    """A topic on the switchboard's way, in or out."""
    return Topic(
        name, Kind.FACTS, payloads, publisher, time_cut=cut, when_sent=WhenSent.DELETE, switchboard=True
    )


def _dead_letters(name: str, publisher: str) -> Topic:
    return Topic(name, Kind.FACTS, (), publisher, partitions=1, retention_days=DEAD_LETTER_DAYS)


PROFILES = Topic("shared.forum.profiles.v1", Kind.STATE, (forum.ProfilePresented,), "forum", text=True)
THREADS = Topic("shared.forum.threads.v1", Kind.STATE, (forum.ThreadOpened,), "forum", text=True)
POSTS = Topic("shared.forum.posts.v1", Kind.STATE, (forum.PostPublished,), "forum", text=True)
REACTIONS = Topic("shared.forum.reactions.v1", Kind.STATE, (forum.ReactionGiven,), "forum")
MODERATION = Topic("shared.forum.moderation.v1", Kind.STATE, (forum.ModerationDecided,), "forum", text=True)
ERASURES = Topic("shared.forum.erasures.v1", Kind.STATE, (forum.ErasureRequested,), "forum")
REPORTS = Topic("shared.forum.reports.v1", Kind.STATE, (forum.PostReported,), "forum")
DIGESTS = Topic(
    "shared.forum.digests.v1", Kind.STATE, (forum.DigestSummed,), "forum", when_sent=WhenSent.DELETE
)
SUMMARY = Topic(
    "shared.engagement.summary.v1",
    Kind.STATE,
    (analytics.SummaryPublished,),
    "analytics",
    partitions=1,
    time_cut=TimeCut.DAY,
)
IDENTITY_AUDIENCES = {
    audience: Topic(
        f"local.identity.{audience}.v1",
        Kind.STATE,
        (identity.AudienceAlias,),
        "identity",
        partitions=1,
        time_cut=TimeCut.NONE if audience == "forum" else TimeCut.DAY,
        when_sent=WhenSent.DELETE,
    )
    for audience in ("forum", "events", "notifications", "analytics")
}
COMMUNITIES = Topic(
    "local.events.communities.v1",
    Kind.STATE,
    (events.CommunityRecorded,),
    "events",
    partitions=1,
    time_cut=TimeCut.DAY,
)
GATHERINGS = Topic(
    "local.events.gatherings.v1", Kind.STATE, (events.GatheringRecorded,), "events", time_cut=TimeCut.DAY
)
STUDIES = Topic(
    "local.analytics.studies.v1", Kind.STATE, (analytics.StudyRecorded,), "analytics", partitions=1
)
STUDY_ALIASES = {
    source: Topic(
        f"local.identity.studies.{source}.v1",
        Kind.STATE,
        (identity.StudyAlias,),
        "identity",
        partitions=1,
        time_cut=TimeCut.DAY,
        when_sent=WhenSent.DELETE,
    )
    for source in SOURCES
}
JOURNEYS = Topic(
    "local.identity.journeys.v1",
    Kind.STATE,
    (identity.StudyJourneys,),
    "identity",
    partitions=1,
    time_cut=TimeCut.DAY,
)
# Nobody but identity reads it, after a restore (decision 8); nobody else could open what it says.
ENDINGS = Topic(
    "local.identity.endings.v1",
    Kind.STATE,
    (identity.EndingSealed,),
    "identity",
    partitions=1,
    time_cut=TimeCut.DAY,
    when_sent=WhenSent.DELETE,
)
ACTIVITY = {
    "forum": _facts(
        "local.activity.forum.v1", "forum", activity.PostWritten, activity.ThreadViewed, cut=TimeCut.NONE
    ),
    "events": _facts("local.activity.events.v1", "events", activity.CafeAttended, cut=TimeCut.DAY),
}
NOTICES_REQUESTED = {
    "forum": _facts(
        "local.notices.requested.forum.v1",
        "forum",
        notices.NoticeRequested,
        notices.NoticeLooked,
        cut=TimeCut.MINUTE,
    ),
    "events": _facts(
        "local.notices.requested.events.v1",
        "events",
        notices.NoticeRequested,
        notices.NoticeLooked,
        cut=TimeCut.DAY,
    ),
}
NOTICES_ADDRESSED = _facts(
    "local.notices.addressed.v1",
    "identity",
    notices.NoticeAddressed,
    notices.NoticeSettled,
    cut=TimeCut.MINUTE,
)
ENGAGEMENT: dict[str, Topic] = {
    source: _facts(f"local.engagement.{source}.v1", "identity", activity.EngagementRecorded, cut=TimeCut.DAY)
    for source in SOURCES
}
DEAD_LETTERS = {
    "identity.forum": _dead_letters("dlq.identity.forum", "identity"),
    "identity.events": _dead_letters("dlq.identity.events", "identity"),
    "identity.analytics": _dead_letters("dlq.identity.analytics", "identity"),
    "forum": _dead_letters("dlq.forum", "forum"),
    "events": _dead_letters("dlq.events", "events"),
    "notifications": _dead_letters("dlq.notifications", "notifications"),
    "analytics": _dead_letters("dlq.analytics", "analytics"),
}

CATALOGUE: tuple[Topic, ...] = (
    PROFILES,
    THREADS,
    POSTS,
    REACTIONS,
    MODERATION,
    ERASURES,
    REPORTS,
    DIGESTS,
    SUMMARY,
    *IDENTITY_AUDIENCES.values(),
    COMMUNITIES,
    GATHERINGS,
    STUDIES,
    *STUDY_ALIASES.values(),
    JOURNEYS,
    ENDINGS,
    *ACTIVITY.values(),
    *NOTICES_REQUESTED.values(),
    NOTICES_ADDRESSED,
    *ENGAGEMENT.values(),
    *DEAD_LETTERS.values(),
)


def research_topic(study_id: object) -> Topic:
    """The topic of one approved study's rows; the only kind made at run time."""
    return Topic(
        f"{RESEARCH}{study_id}.v1",
        Kind.STATE,
        (analytics.ResearchRow,),
        "analytics",
        partitions=1,
        time_cut=TimeCut.DAY,
    )


def named(name: str) -> Topic:
    """The catalogue's topic of that name, a study's research topic included.

    Raises KeyError for a name that the catalogue doesn't have.
    """
    for topic in CATALOGUE:
        if topic.name == name:
            return topic
    if name.startswith(RESEARCH) and name.endswith(".v1"):
        return research_topic(name.removeprefix(RESEARCH).removesuffix(".v1"))
    raise KeyError(name)
