"""The plan of openings, held against the definition of a view."""

from collections import Counter

import pytest

from replay.stories import Stories
from replay.study import VIEWS
from replay.views import Gap, TooFewPosts, plan

STORIES = Stories()
PLAN = plan(STORIES.threads, STORIES.members, VIEWS)


def views_of(gaps: list[list[Gap]], *, consultants_count: bool) -> Counter[str]:
    """Count as the definition says: a thread with a member's post, holding somebody else's that is new to the reader.

    `consultants_count`: whether the consultant's posts make a view as members' do; the plan must not depend on it.
    """
    views: Counter[str] = Counter()
    for thread, its_gaps in zip(STORIES.threads, gaps, strict=True):
        seen: dict[str, set[int]] = {}
        for gap in its_gaps:
            there = thread.posts[: gap.after + 1]
            for name in gap.readers:
                others = {
                    post.number
                    for post in there
                    if post.writer != name and (post.by_member or consultants_count)
                }
                if any(post.by_member for post in there) and others - seen.get(name, set()):
                    views[name] += 1
                seen[name] = {post.number for post in there}
    return views


@pytest.mark.parametrize("consultants_count", [False, True])
def test_the_plan_makes_exactly_the_studys_views_and_everybody_has_some(consultants_count: bool) -> None:
    views = views_of(PLAN, consultants_count=consultants_count)
    assert views.total() == VIEWS == 1870
    assert set(views) == {member.name for member in STORIES.members}


def test_every_planned_opening_is_a_view() -> None:
    assert sum(len(gap.readers) for gaps in PLAN for gap in gaps) == VIEWS


def test_writers_have_read_what_they_reply_to() -> None:
    for thread, gaps in zip(STORIES.threads, PLAN, strict=True):
        for place, post in enumerate(thread.posts[1:], start=1):
            if post.by_member and any(p.by_member and p.writer != post.writer for p in thread.posts[:place]):
                assert any(post.writer in gap.readers for gap in gaps if gap.after < place)


def test_no_reader_makes_so_many_views_that_the_sum_would_tell_of_them() -> None:
    views = views_of(PLAN, consultants_count=False)
    assert max(views.values()) < VIEWS / 10


def test_the_plan_is_the_same_each_time() -> None:
    assert plan(STORIES.threads, STORIES.members, VIEWS) == PLAN


def test_more_views_than_posts_allow_are_refused() -> None:
    with pytest.raises(TooFewPosts):
        plan(STORIES.threads, STORIES.members, 100_000)
