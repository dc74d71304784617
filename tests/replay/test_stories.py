"""The study's texts: as many as the study had, each its own, in a shape that the limits allow."""

import re
from collections import Counter

import pytest

from replay.stories import CONSULTANT, NotReadable, Post, Stories
from replay.threads import BODY_BYTES, TITLE_LETTERS

STORIES = Stories()
POSTS = [post for thread in STORIES.threads for post in thread.posts]
OF_MEMBERS = [post for post in POSTS if post.by_member]
NAMES = {member.name for member in STORIES.members if member.writes} | {CONSULTANT}


def bare(post: Post) -> str:
    """A text without digits and without anybody's name."""
    text = re.sub(r"\d+", "", post.body.casefold())
    for name in sorted(NAMES, key=len, reverse=True):
        text = text.replace(name.casefold(), "")
    return re.sub(r"\W+", " ", text).strip()


def test_members_write_524_posts_and_nineteen_of_them_write() -> None:
    assert len(OF_MEMBERS) == 524
    assert len({post.writer for post in OF_MEMBERS}) == 19


def test_29_members_take_part_in_two_communities() -> None:
    assert len({member.name for member in STORIES.members}) == 29
    assert len(STORIES.communities) == 2
    assert {post.writer for post in OF_MEMBERS} == {m.name for m in STORIES.members if m.writes}


def test_no_two_posts_are_equal_once_digits_and_names_are_removed() -> None:
    assert [text for text, times in Counter(bare(post) for post in POSTS).items() if times > 1] == []


def test_every_post_says_its_language_and_both_are_written() -> None:
    languages = Counter(post.language for post in OF_MEMBERS)
    assert set(languages) == {"en", "nb"}
    assert min(languages.values()) > 200


def test_the_consultant_answers_every_opening() -> None:
    for thread in STORIES.threads:
        if thread.posts[0].by_member:
            assert any(not post.by_member for post in thread.posts[1:]), thread.title


def test_every_wish_and_title_is_one_the_forum_takes() -> None:
    assert {thread.wish for thread in STORIES.threads} == {"listen", "experiences", "advice"}
    assert all(len(thread.title) <= TITLE_LETTERS for thread in STORIES.threads)
    assert len({thread.title for thread in STORIES.threads}) == len(STORIES.threads)
    assert all(len(post.body.encode()) <= BODY_BYTES for post in POSTS)
    assert all(len(thread.posts) <= 20 for thread in STORIES.threads)  # a page: a view shows all of it


def test_somebody_reads_for_weeks_before_writing() -> None:
    first = [thread.posts[0].writer for thread in STORIES.threads].index("Moss")
    earlier = [post for thread in STORIES.threads[:first] for post in thread.posts]
    assert len(earlier) > 100
    assert "Moss" not in {post.writer for post in earlier}


def test_what_one_person_writes_stays_within_their_limits_at_once() -> None:
    openings = Counter(thread.posts[0].writer for thread in STORIES.threads)
    replies = Counter(
        post.writer for thread in STORIES.threads for post in thread.posts[1:] if post.by_member
    )
    assert max(openings.values()) < 20
    assert max(replies.values()) < 60


def test_twelve_cafes_seventeen_guests_three_to_nine_at_a_table() -> None:
    cafes = STORIES.cafes
    assert [sum(c.community == place.name for c in cafes) for place in STORIES.communities] == [6, 6]
    assert len({name for cafe in cafes for name in cafe.came}) == 17
    assert (min(len(c.came) for c in cafes), max(len(c.came) for c in cafes)) == (3, 9)
    home = {member.name: member.community for member in STORIES.members}
    titles = {thread.title for thread in STORIES.threads}
    for cafe in cafes:
        assert {home[name] for name in (*cafe.came, *cafe.answers)} == {cafe.community}
        assert cafe.prompt is None or cafe.prompt in titles
        said_last = {name: said[-1] for name, said in cafe.answers.items()}
        assert {name for name, said in said_last.items() if said == "come"} <= set(cafe.came)
        assert not {name for name, said in said_last.items() if said == "not-today"} & set(cafe.came)
    assert any("not-today" in said for cafe in cafes for said in cafe.answers.values())


def test_a_text_without_its_writer_is_named_by_file_and_line(tmp_path) -> None:  # type: ignore[no-untyped-def]
    for name in ("people.toml", "cafes.toml"):
        (tmp_path / name).write_text((STORIES._folder / name).read_text("utf-8"), "utf-8")
    (tmp_path / "01-x.txt").write_text("== A title | listen\nno writer\n", "utf-8")
    with pytest.raises(NotReadable, match=r"01-x\.txt, line 2"):
        _ = Stories(tmp_path).threads
