"""One example of every payload, each field filled: what `released/` holds and consumers go on reading."""

from datetime import UTC, date, datetime
from uuid import UUID

from shared.contracts.payloads.activity import CafeAttended, EngagementRecorded, PostWritten, ThreadViewed
from shared.contracts.payloads.analytics import ResearchRow, StudyRecorded, SummaryPublished
from shared.contracts.payloads.events import CommunityRecorded, GatheringRecorded
from shared.contracts.payloads.forum import (
    DigestSummed,
    ErasureRequested,
    Hide,
    ModerationDecided,
    PostPublished,
    PostReported,
    ProfilePresented,
    ReactionGiven,
    ThreadOpened,
)
from shared.contracts.payloads.identity import AudienceAlias, EndingSealed, StudyAlias, StudyJourneys
from shared.contracts.payloads.notices import NoticeAddressed, NoticeLooked, NoticeRequested, NoticeSettled
from shared.contracts.payloads.payload import Payload

HOME = "north"
VERSION = 117_186_540_339_200_000
NONCE = "00112233445566778899aabbccddeeff"
AUTHOR_NONCE = "ffeeddccbbaa99887766554433221100"
DAY = date(2026, 11, 20)


def uuid(last: int) -> UUID:
    """A version 4 UUID that is easy to recognise."""
    return UUID(f"00000000-0000-4000-8000-{last:012x}")


EXAMPLES: tuple[Payload, ...] = (
    ProfilePresented(
        id=uuid(1),
        home=HOME,
        version=VERSION,
        erased=True,
        nonce=NONCE,
        role="member",
        name="Quiet Heron",
        mark=7,
        community="Fjordbyen",
        same_as=uuid(14),
    ),
    ThreadOpened(
        id=uuid(2),
        home=HOME,
        version=VERSION,
        erased=True,
        nonce=NONCE,
        author_id=uuid(1),
        author_nonce=AUTHOR_NONCE,
        title="Walking again",
        wish="experiences",
    ),
    PostPublished(
        id=uuid(3),
        home=HOME,
        version=VERSION,
        erased=True,
        nonce=NONCE,
        author_id=uuid(1),
        author_nonce=AUTHOR_NONCE,
        thread_id=uuid(2),
        written=VERSION,
        opening=True,
        body="I went out *today*.",
        edited=True,
    ),
    ReactionGiven(
        id=uuid(4),
        home=HOME,
        version=VERSION,
        erased=True,
        nonce=NONCE,
        author_id=uuid(1),
        author_nonce=AUTHOR_NONCE,
        post_id=uuid(3),
        kind="recognise",
    ),
    ModerationDecided(
        id=f"{uuid(3)}:{HOME}",
        home=HOME,
        version=VERSION,
        erased=True,
        target_id=uuid(3),
        target_kind="post",
        hides=(Hide(id=uuid(5), reason="It names somebody else."),),
        lifts=(uuid(6),),
    ),
    ErasureRequested(
        id=f"{uuid(7)}:{HOME}",
        home=HOME,
        version=VERSION,
        erased=True,
        erasure_id=uuid(7),
        profiles=(uuid(1),),
        threads=(uuid(2),),
        posts=(uuid(3),),
        reactions=(uuid(4),),
        acknowledged=True,
    ),
    PostReported(
        id=uuid(13),
        home="south",
        version=VERSION,
        erased=True,
        nonce=NONCE,
        post_id=uuid(3),
        category="worry",
    ),
    DigestSummed(
        id="south:north:posts:2968",
        home="south",
        version=VERSION,
        erased=True,
        about=HOME,
        kind="posts",
        bucket=2968,
        until=VERSION,
        sum="00112233445566ff",
    ),
    AudienceAlias(
        id=uuid(8),
        home=HOME,
        version=VERSION,
        erased=True,
        role="member",
        closed=True,
        erasure_id=uuid(7),
    ),
    StudyAlias(id=uuid(9), home=HOME, version=VERSION, erased=True, study_id=uuid(10), source="forum"),
    StudyJourneys(
        id=uuid(10),
        home=HOME,
        version=VERSION,
        erased=True,
        counts={"forum-and-cafe": 17},
        rows={"membership": 29, "forum": 2394, "events": 60},
    ),
    EndingSealed(
        id=uuid(13),
        home=HOME,
        version=1,
        erased=True,
        sealed="AQABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fICEiIyQlJicoKSorLC0uLzA=",
    ),
    CommunityRecorded(
        id=uuid(11),
        home=HOME,
        version=VERSION,
        erased=True,
        name="Fjordbyen",
        area="The valley",
        open=False,
    ),
    GatheringRecorded(
        id=uuid(12),
        home=HOME,
        version=VERSION,
        erased=True,
        community_id=uuid(11),
        kind="cafe",
        day=DAY,
        cancelled=True,
        head_count=9,
    ),
    PostWritten(),
    ThreadViewed(),
    CafeAttended(day=DAY),
    EngagementRecorded(study_id=uuid(10), kind="view", day=DAY),
    NoticeRequested(category="replies", urgency="soon"),
    NoticeLooked(category="replies"),
    NoticeAddressed(category="cafes", urgency="soon"),
    NoticeSettled(category="moderation"),
    StudyRecorded(
        id=uuid(10),
        home=HOME,
        version=VERSION,
        erased=True,
        communities=(uuid(11),),
        sources=("membership", "forum", "events"),
        status="closed",
        opened_at=datetime(2026, 5, 20, 8, 0, tzinfo=UTC),
        closed_at=datetime(2026, 11, 20, 8, 0, tzinfo=UTC),
    ),
    SummaryPublished(
        id=f"{HOME}:{uuid(10)}:study:posts",
        home=HOME,
        version=VERSION,
        erased=True,
        study_id=uuid(10),
        period="study",
        metric="posts",
        value=524,
    ),
    ResearchRow(
        id=uuid(9),
        home=HOME,
        version=VERSION,
        erased=True,
        study_id=uuid(10),
        source="forum",
        days={DAY: {"view": 3, "post": 1}},
    ),
)
