"""Reading a file of threads: as it stands, except for what the forum can't hold."""

import json
from pathlib import Path

import pytest

from replay.threads import BODY_BYTES, TITLE_LETTERS, NotReadable, read, short_title, shortened

SHARED = Path(__file__).parents[3] / "shared" / "data" / "counsel-chat.jsonl"


def test_entities_and_odd_spaces_stay_as_they_are() -> None:
    text = "It&#39;s fine,\xa0really &amp; truly…"
    assert shortened(text) == text


def test_a_long_text_is_cut_at_a_word_and_never_within_a_letter() -> None:
    long = shortened("æøå " * 10_000)
    assert len(long.encode()) <= BODY_BYTES
    assert long.endswith("æøå…")
    assert len(shortened("ø" * 20_000).encode()) <= BODY_BYTES


def test_a_long_title_becomes_one_short_line() -> None:
    title = short_title("one  two\nthree " * 30)
    assert len(title) <= TITLE_LETTERS
    assert title.startswith("one two three one")
    assert title.endswith("…")


def test_what_cant_be_seen_is_left_out() -> None:
    assert shortened("a\u202eb\x00c\ufeffd\ne") == "abcd\ne"


def test_empty_answers_are_not_loaded_and_an_empty_title_comes_from_the_text(tmp_path: Path) -> None:
    file = tmp_path / "threads.jsonl"
    line = {"title": "", "body": "What now?", "topic": "x", "answers": [{"body": " "}, {"body": "Tea."}]}
    file.write_text(json.dumps(line) + "\n\n")
    [thread] = read(file)
    assert (thread.title, thread.body, thread.replies) == ("What now?", "What now?", ("Tea.",))


def test_a_line_that_is_no_thread_is_named(tmp_path: Path) -> None:
    file = tmp_path / "threads.jsonl"
    file.write_text('{"title": "t", "body": "b", "answers": []}\n{"title": "t"}\n')
    with pytest.raises(NotReadable, match="Line 2 of threads"):
        read(file)


@pytest.mark.skipif(not SHARED.exists(), reason="the file of threads isn't beside this checkout")
def test_the_file_of_815_threads_is_read_whole() -> None:
    threads = read(SHARED)
    assert (len(threads), sum(len(thread.replies) for thread in threads)) == (815, 2129)
