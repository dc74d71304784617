"""Scripts and Unicode tricks in every text that people can send, through the real sanitiser and the forum's API."""

import json
import sys
import unicodedata
from collections.abc import Callable, Iterator
from functools import partial
from html.parser import HTMLParser
from math import isqrt
from types import FrameType
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

import httpx
import pytest

from services.forum.rendering import ATTRIBUTES, LINK_REL, TAGS, render
from tests import tried
from tests.abuse.fields import Field, every_text
from tests.abuse.services import Here, problem_of

RUNS = "alert(1)"
SCRIPTS = [
    f"<script>{RUNS}</script>", f"<img src=x onerror={RUNS}>", f"<svg/onload={RUNS}>", f"<svg><script>{RUNS}</script>",
    f"<a href=javascript:{RUNS}>x</a>", f"[x](javascript:{RUNS})", f"[x](JaVaScRiPt:{RUNS})", f"[x](java\tscript:{RUNS})",
    f"[x](&#106;avascript:{RUNS})", f"[x](data:text/html,<script>{RUNS}</script>)", f"[x](vbscript:{RUNS})",
    f"<javascript:{RUNS}>", f"[x]: javascript:{RUNS}\n\n[x]", f"![x](javascript:{RUNS})", f"[x](\x01javascript:{RUNS})",
    f'[x](https://a.example "onclick={RUNS}")', f'[x](https://a.example/"onmouseover="{RUNS})',
    f"[x](https://a.example'><script>{RUNS}</script>)", f'```"><script>{RUNS}</script>\nx\n```', f"`<script>{RUNS}</script>`",
    f"```html onload={RUNS}\n<script>\n```", f'"><script>{RUNS}</script>', f"'><svg onload={RUNS}>", f"</textarea><script>{RUNS}</script>",
    f"</title><script>{RUNS}</script>", f"--><script>{RUNS}</script>", f"]]><script>{RUNS}</script>", f"<![CDATA[<script>{RUNS}</script>]]>",
    f'<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror={RUNS}&gt;">',
    f'<noscript><p title="</noscript><img src=x onerror={RUNS}>">', f"<template><script>{RUNS}</script></template>",
    "<iframe srcdoc='<script>1</script>'>", "<object data=x>", "<embed src=x>", "<base href=//evil.example>",
    "<meta http-equiv=refresh content='0;url=//evil.example'>", "<link rel=stylesheet href=//evil.example>",
    "<style>@import '//evil.example'</style>", "<p style='background:url(//evil.example)'>", "<form action=//evil.example>",
    "<input autofocus onfocus=alert(1)>", "<details open ontoggle=alert(1)>", "<x-canary>", "{{7*7}}", "{% raw %}", "${7*7}", "#{7*7}",
    "<a id=form_token name=form_token>", "<a target=_blank href=https://a.example>x</a>", "&lt;script&gt;alert(1)&lt;/script&gt;",
    "＜script＞alert(1)＜/script＞", "<scr\u200bipt>alert(1)</scr\u200bipt>", "[x](//evil.example/x)", "[x](\\\\evil.example)",
    "<https://a.example/?q=<script>>", "- <script>\n  alert(1)\n  </script>", "> <img src=x onerror=alert(1)>", "# <b onclick=1>x</b>",
]  # fmt: skip
# In one text that would otherwise be read as something else, or looked at as nothing.
TRICKS = {
    "right to left override": "safe \u202etxt.exe", "isolate": "a\u2066b", "a mark that turns": "a\u200fb", "NUL": "a\x00b",
    "escape": "a\x1b[31mb", "backspace": "abc\x08\x08", "half a character": "a\ud800b", "private use": "a\ue000b", "unassigned": "a\u0378b",
    "no character": "a\uffffb", "C1 control": "a\x85b", "deprecated": "a\u061cb",
}  # fmt: skip
INVISIBLE = ["\u200b", "\u200c\u200d", "\u2060\u2061", "\ufeff", "\u00ad", "\u3164", "\u115f\u1160", "\uffa0", "\u2800", "\ufe0f", "\u034f",
             "\U000e0041\U000e0042", "\u180e", "\u17b4\u17b5", " \u200b \u00a0 \u2003 ", "\u2028"]  # fmt: skip


class Elements(HTMLParser):
    """What a browser would make of a piece of HTML: its elements with their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def harmless(html: str) -> None:
    for tag, attributes in Elements(html).found:
        assert tag in TAGS, html
        allowed = ATTRIBUTES.get(tag, set()) | ({"rel", "title"} if tag == "a" else set())
        assert attributes.keys() <= allowed, html
        if "href" in attributes:
            href = attributes["href"] or ""
            assert attributes["rel"] == LINK_REL
            assert urlsplit(href).scheme in ("http", "https", "mailto", ""), html
            assert "script:" not in href.lower().replace("\t", "").split("/")[0], html


@pytest.fixture(scope="module")
def writer(here: Here) -> dict[str, str]:
    bearer = here.issuer.bearer("forum", alias=(alias := uuid4()))
    here.makes("forum", "/profile", {"name": f"Rush {alias.hex[:8]}"}, headers=bearer)
    return bearer


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_in_a_post_comes_back_as_words(here: Here, writer: dict[str, str], script: str) -> None:
    for body in (
        script,
        f"Hello {script} there",
        f"**{script}**",
        f"> {script}",
        f"1. {script}",
        script * 20,
    ):
        answer = here.ask(
            "POST", "forum", "/threads", headers=writer, json={"title": "T", "wish": "listen", "body": body}
        )
        if answer.is_error:
            assert problem_of(answer) == "text-not-allowed"
            continue
        thread = answer.json()
        shown = thread["posts"][0]
        harmless(shown["body_html"])
        if "script" in script.lower() and RUNS in script:
            assert f"<script>{RUNS}" not in shown["body_html"]
        edited = here.ask(
            "PUT", "forum", f"/posts/{shown['id']}", headers=writer, json={"body": body + " again"}
        )
        harmless(edited.json()["body_html"])


def test_what_is_sent_as_json_is_never_taken_for_a_page(here: Here, writer: dict[str, str]) -> None:
    thread = here.makes(
        "forum", "/threads", {"title": SCRIPTS[0], "wish": "listen", "body": "B"}, headers=writer
    )
    for path in ("/threads", f"/threads/{thread['id']}", "/export", "/for-you", "/search?q=alert"):
        answer = here.ask("GET", "forum", path, headers=writer | {"Accept": "text/html"})
        assert answer.headers["content-type"] == "application/json"


def sent(here: Here, field: Field, text: str) -> httpx.Response:
    """That text in that field; all else is good."""
    method, path = field.endpoint.partition(" ")[0], field.path
    body = field.body | {field.name: text}
    if field.form:
        form = urlencode(body, errors="surrogatepass").encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return here.ask(method, field.service, path, role=field.role, headers=headers, content=form)
    raw = json.dumps(body).encode()  # half a character and all
    headers = {"Content-Type": "application/json"}
    return here.ask(method, field.service, path, role=field.role, headers=headers, content=raw)


def test_no_field_takes_what_turns_hides_or_shows_as_nothing(here: Here) -> None:
    taken, tricks = [], [*TRICKS.items(), *((f"nothing to see: {text!a}", text) for text in INVISIBLE)]
    for field in every_text(here):
        for what, text in tricks if not field.closed else TRICKS.items():
            answer = sent(here, field, text)
            if field.name == "reason" and not text.strip() and answer.is_success:
                continue  # a line's end is no reason, and a change needs one only when people have answered
            if answer.status_code != 422 and not field.closed:
                taken.append((field.endpoint, field.name, what, answer.status_code))
            elif answer.is_error:
                problem_of(answer)
            tried.count("abuse", "texts")
    assert not taken, taken


def test_a_script_in_any_field_is_refused_or_comes_back_as_words(here: Here) -> None:
    shown = set()
    for field in every_text(here):
        for script in (
            SCRIPTS[0],
            '"><x-canary onfocus=alert(1)>',
            "<x-canary>",
            "{{7*7}}",
            "[x](javascript:alert(1))",
        ):
            answer = sent(here, field, script)
            if answer.is_error:
                assert "x-canary" not in answer.text, "a refusal repeats nothing"
                problem_of(answer)
            elif answer.content:
                assert answer.headers["content-type"] == "application/json"
                assert not (field.closed and script in answer.text), (field.endpoint, field.name)
                for html in all_html(answer.json()):
                    harmless(html)
                shown.add((field.endpoint, field.name))
            tried.count("abuse", "texts")
    assert len(shown) > 8, shown


def all_html(value: Any) -> Iterator[str]:
    """Every text of an answer that is said to be HTML."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name.endswith("_html") and inner is not None:
                yield inner
            else:
                yield from all_html(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from all_html(inner)


def test_marks_piled_on_a_letter_are_refused(here: Here, writer: dict[str, str]) -> None:
    piled = "Z" + "\u0335\u0344\u0321\u0489" * 6 + "algo"
    vietnamese = unicodedata.normalize("NFD", "Tiếng Việt rất đẹp, ngữ điệu")
    for title, good in (
        (piled, False),
        (vietnamese, True),
        ("שָׁלוֹם", True),
        ("ที่นี่", True),
        ("👩🏽‍🚒 🏳️‍🌈 क्षि", True),
    ):
        body = {"title": title, "wish": "listen", "body": title}
        answer = here.ask("POST", "forum", "/threads", headers=writer, json=body)
        assert answer.is_success == good, (title, answer.text)


REPEATED = {
    "brackets": "[", "links": "[a](", "images": "![", "stars": "*a_ ", "stars alone": "*", "quotes": "> ", "lists": "- ", "numbers": "1. ",
    "angle": "<a ", "entities": "&#x", "escapes": "\\", "autolinks": "<http://a>", "hr": "* * ", "tabs": "\t", "headings": "# a\n",
    "pairs": "**a *b ", "emphasis": "a_**b_**", "fences": "```\n", "unclosed links": "[a](<", "titles": '[a](b "', "refs": "[a]: b\n",
}  # fmt: skip
# Of a length, or a little less.
BLOWN_UP: dict[str, Callable[[int], str]] = {
    **{
        what: partial(lambda piece, length: piece * (length // len(piece)), piece)
        for what, piece in REPEATED.items()
    },
    "ticks": lambda length: "`" * (length // 2) + "a" + "`" * (length // 2 - 1),
    "ticks of all lengths": lambda length: "".join("e" + "`" * n for n in range(isqrt(2 * length) - 1)),
    "nested": lambda length: "*" * (length // 2) + "a" + "*" * (length // 2 - 1),
    "closing": lambda length: "a**" + "c* " * (length // 3 - 1),
    "deep list": lambda length: "".join(" " * n + "- a\n" for n in range(isqrt(2 * length) - 4)),
}
LONGEST = 16_384


def calls_to_render(source: str) -> int:
    """How many functions, Python's and C's, are called for it: its work, on any machine."""
    calls = 0

    def called(_frame: FrameType, event: str, _what: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(called)
    try:
        render(source)
    finally:
        sys.setprofile(before)
    return calls


@pytest.mark.parametrize("what", BLOWN_UP)
def test_four_times_the_text_is_no_more_than_five_times_the_work(what: str) -> None:
    much, little = (calls_to_render(BLOWN_UP[what](length)) for length in (LONGEST // 2, LONGEST // 8))
    assert much <= 5 * little, "all others in the service wait meanwhile"


@pytest.mark.parametrize("what", BLOWN_UP)
def test_no_text_grows_without_measure(what: str) -> None:
    source = BLOWN_UP[what](LONGEST)
    html = render(source)
    assert len(html) < 20 * len(source)
    harmless(html)
