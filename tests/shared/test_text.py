"""Text as people may send it."""

import pytest
from pydantic import TypeAdapter, ValidationError

from shared.api.text import Line, Text

line = TypeAdapter(Line)
text = TypeAdapter(Text)


@pytest.mark.parametrize("bad", ["a\u202eb", "a\x00b", "a\u2066b", "a\x1bb", "a\u200fb", "\ue000", "a\x7f"])
def test_characters_that_cannot_be_seen_or_turn_text_around_are_refused(bad: str) -> None:
    for adapter in (line, text):
        with pytest.raises(ValidationError) as refused:
            adapter.validate_python(bad)
        assert refused.value.errors()[0]["type"] == "text_not_allowed"


def test_a_line_has_no_line_breaks_but_a_text_may() -> None:
    with pytest.raises(ValidationError):
        line.validate_python("two\nlines")
    assert text.validate_python("two\r\nlines") == "two\nlines"


def test_the_same_name_typed_in_two_ways_is_the_same() -> None:
    assert line.validate_python("Ma\u030ane") == line.validate_python("M\u00e5ne")


def test_emoji_sequences_and_norwegian_letters_pass() -> None:
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467 og blåbær på Sørøya"
    assert text.validate_python(family) == family


@pytest.mark.parametrize("empty", ["", "   ", "\n"])
def test_nothing_is_not_a_text(empty: str) -> None:
    with pytest.raises(ValidationError):
        text.validate_python(empty)
