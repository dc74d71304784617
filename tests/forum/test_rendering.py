"""Posts as HTML: enough to write kindly with, nothing that loads, runs or tells where a reader came from."""

import html
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.forum.rendering import MOST_MARKUP, render, render_marked
from services.forum.rules.lengths import MAX_POST_BYTES


@pytest.mark.parametrize(
    ("source", "html"),
    [
        ("a *b* **c** `d`", "<p>a <em>b</em> <strong>c</strong> <code>d</code></p>"),
        ("one\ntwo", "<p>one<br>\ntwo</p>"),
        ("# Loud", "<h3>Loud</h3>"),
        ("> said", "<blockquote>\n<p>said</p>\n</blockquote>"),
        ("3. three", '<ol start="3">\n<li>three</li>\n</ol>'),
        (
            "[here](https://example.org/?a=1&b=2)",
            '<p><a href="https://example.org/?a=1&amp;b=2" rel="nofollow noreferrer noopener">here</a></p>',
        ),
        ("<b onclick=x>hi</b>", "<p>&lt;b onclick=x&gt;hi&lt;/b&gt;</p>"),
        ("[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>"),
    ],
)
def test_markdown_becomes_harmless_html(source: str, html: str) -> None:
    assert render(source).strip() == html


PLAIN = st.text("aæÅ日ßé٣9 ,.!?:;()'’…–-\n", min_size=1, max_size=120).map("a{}".format)


@given(PLAIN | st.text(max_size=60))
@example("one\n\n\ntwo  three\nfour")
@example("a\n1) b")
@example("a\n---")
@example("a\n    b")
@example("a \nb")
def test_plain_lines_come_out_as_markdown_has_them(source: str) -> None:
    assert render(source) == render_marked(source)


def test_a_picture_is_only_a_link() -> None:
    html = render("![me](https://example.org/me.png)")
    assert "<img" not in html
    assert "noreferrer" in html


@given(st.text(max_size=300))
def test_nothing_that_loads_or_runs_comes_through(source: str) -> None:
    html = render(source).lower()
    for opening in ("<script", "<img", "<iframe", "<style", "<svg", "<form", "<object"):
        assert opening not in html


@pytest.mark.parametrize("piece", ["- \n", "<http://a>", "[a](b)", "&amp;"])
def test_more_markup_than_anybody_means_stands_there_as_it_was_written(piece: str) -> None:
    """Markdown's rules would take most of a second for the longest of these, and nobody could do anything meanwhile."""
    source = (piece * MAX_POST_BYTES)[: MAX_POST_BYTES - 1] + "<"
    page = render(source)
    assert re.findall("<[^>]*>", page) == ["<p>", *["<br>"] * source.count("\n"), "</p>"]
    assert html.unescape(re.sub("<[^>]*>", "", page)).rstrip("\n") == source


def test_a_long_text_with_as_much_markup_as_people_use_is_marked_up() -> None:
    source = ("- Some of *what* I did today, and [a link](https://example.org/a-page)\n" * 300)[
        :MAX_POST_BYTES
    ]
    assert render(source) == render_marked(source)
    assert render(source).count("<li>") * 10 > MOST_MARKUP
