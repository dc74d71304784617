"""Rules with one mistake each, such as somebody might make."""

from collections.abc import Collection, Iterable
from typing import Any
from uuid import UUID

from services.forum.rules import counting, hiding, merging, naming
from services.forum.rules.naming import Named
from shared.contracts.payloads.forum import Hide, ModerationDecided, PostPublished
from tests.forum.rules.replica import Rules

Decisions = Iterable[ModerationDecided]


def _last_come(one: Any, other: Any) -> Any:
    return other if one is None or other.version >= one.version - (5 << 16) else one


def _first_come(one: Any, other: Any) -> Any:
    return other if one is None else one


def _by_version_alone(one: Any, other: Any) -> Any:
    return other if one is None or other.version > one.version else one


def _erased_last_come(one: Any, other: Any) -> Any:
    return other if other.erased else merging.merged(one, other)


def _content_kept(one: Any, other: Any) -> Any:
    stands = merging.merged(one, other)
    if one is not None and isinstance(stands, PostPublished) and stands.erased:
        return stands.model_copy(update={"body": getattr(one, "body", None)})
    return stands


def _by_clock(decisions: Decisions, _home: str, _muted: Collection[str] = ()) -> str | None:
    newest = max(decisions, key=lambda decision: decision.version)
    standing = [hide for hide in newest.hides if hide.id not in newest.lifts]
    return standing[-1].reason if standing else None


def _anybody_lifts(decisions: Decisions, _home: str, _muted: Collection[str] = ()) -> str | None:
    made = list(decisions)
    lifts = {hide for decision in made for hide in decision.lifts}
    standing = [hide for decision in made for hide in decision.hides if hide.id not in lifts]
    return min((hide.reason for hide in standing), default=None)


def _nobody_else_lifts(decisions: Decisions, _home: str, _muted: Collection[str] = ()) -> str | None:
    standing = [h for decision in decisions for h in decision.hides if h.id not in decision.lifts]
    return min((hide.reason for hide in standing), default=None)


def _home_alone_lifts(decisions: Decisions, home: str, _muted: Collection[str] = ()) -> str | None:
    made = list(decisions)
    lifts = {hide for decision in made if decision.home == home for hide in decision.lifts}
    standing = [hide for decision in made for hide in decision.hides if hide.id not in lifts]
    return min((hide.reason for hide in standing), default=None)


def _home_alone_hides(decisions: Decisions, home: str, muted: Collection[str] = ()) -> str | None:
    return hiding.reason([decision for decision in decisions if decision.home == home], home, muted)


def _a_lift_lifts_all(decisions: Decisions, home: str, muted: Collection[str] = ()) -> str | None:
    made = list(decisions)
    if any(decision.lifts for decision in made if decision.home == home):
        return None
    return hiding.reason(made, home, muted)


def _reason_as_it_came(decisions: Decisions, home: str, muted: Collection[str] = ()) -> str | None:
    made = list(decisions)
    standing: set[Hide] = set(hiding.standing(made, home, muted))
    came = [hide for decision in made for hide in decision.hides if hide in standing]
    return came[0].reason if came else None


def _older_is_plain(profiles: Iterable[Named]) -> set[UUID]:
    plain: dict[str, UUID] = {}
    return {
        profile
        for profile, looks, _ in profiles
        if looks is not None and plain.setdefault(looks, profile) != profile
    }


def _all_marked(profiles: Iterable[Named]) -> set[UUID]:
    here = list(profiles)
    named = [looks for _, looks, _ in here if looks is not None]
    return {profile for profile, looks, _ in here if looks is not None and named.count(looks) > 1}


def _nobody_shares(profiles: Iterable[Named]) -> set[UUID]:
    return naming.marked(each._replace(person=("", each.id)) for each in profiles)


def _members_share(profiles: Iterable[Named]) -> set[UUID]:
    return naming.marked(each._replace(person=("", each.person[1])) for each in profiles)


def _removed_counts(posts: Iterable[PostPublished], writer: UUID | None) -> counting.Numbers:
    here = list(posts)
    replies = [post for post in here if not counting.opens(post, writer)]
    return counting.numbers(here, writer)._replace(replies=len(replies))


def _answered_for_good(posts: Iterable[PostPublished], writer: UUID | None) -> counting.Numbers:
    here = list(posts)
    return counting.numbers(here, writer)._replace(answered=len({post.author_id for post in here}) > 1)


def _first_is_opener(posts: Iterable[PostPublished], writer: UUID | None) -> counting.Numbers:
    here = list(posts)
    standing = [post for post in here if not post.erased and not counting.opens(post, writer)]
    answered = any(post.author_id != here[0].author_id for post in standing)
    return counting.numbers(here, writer)._replace(answered=answered)


def _who_says_so_opens(posts: Iterable[PostPublished], _writer: UUID | None) -> counting.Numbers:
    return counting.numbers(posts)


def _nobody_elses_opening_counts(posts: Iterable[PostPublished], writer: UUID | None) -> counting.Numbers:
    here = list(posts)
    kept = [post for post in here if not post.opening or counting.opens(post, writer)]
    return counting.numbers(kept or here, writer)._replace(last_written=max(map(counting.written, here)))


def _never_held(_version: int, _now_ms: int, **_: object) -> bool:
    return False


def _lost_when_ahead(state: Any, **_: object) -> str | None:
    return "ahead" if state.version % 7 == 3 else None


MISTAKES = {
    "what came last stands, if it isn't much older": Rules(merged=_last_come),
    "what came first stands": Rules(merged=_first_come),
    "an erased state is one among others": Rules(merged=_by_version_alone),
    "of two erased states the one that came last stands": Rules(merged=_erased_last_come),
    "an erased post keeps its text": Rules(merged=_content_kept),
    "the newest decision by the clock stands": Rules(reason=_by_clock),
    "any region lifts any hide": Rules(reason=_anybody_lifts),
    "a home can't lift others' hides": Rules(reason=_nobody_else_lifts),
    "a region can't lift its own hides abroad": Rules(reason=_home_alone_lifts),
    "a hide from abroad doesn't count": Rules(reason=_home_alone_hides),
    "a restore lifts hides that it hadn't seen": Rules(reason=_a_lift_lifts_all),
    "the reason shown is that of the hide that came first": Rules(reason=_reason_as_it_came),
    "who came first keeps the plain name": Rules(marked=_older_is_plain),
    "nobody keeps the plain name": Rules(marked=_all_marked),
    "a consultant's second account bears the mark": Rules(marked=_nobody_shares),
    "a member passes for a consultant's second account": Rules(marked=_members_share),
    "removed replies count": Rules(numbers=_removed_counts),
    "answered stays answered": Rules(numbers=_answered_for_good),
    "whose post came first opened the thread": Rules(numbers=_first_is_opener),
    "whoever says so opens a thread": Rules(numbers=_who_says_so_opens),
    "an opening put into another's thread doesn't count": Rules(numbers=_nobody_elses_opening_counts),
    "records from the future are shown": Rules(is_held=_never_held),
    "some records are refused": Rules(fault_of=_lost_when_ahead),
}
