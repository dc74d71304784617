"""Threads, replies, edits, removals and reactions, through HTTP."""

from uuid import uuid4

from tests.forum.people import Person, Place


async def test_a_thread_is_opened_and_read(forum: Place, ada: Person, bo: Person) -> None:
    thread = await ada.opens("Mornings", "They are **long**.", "experiences")
    await bo.replies(thread, "I know that.")

    page = await ada.reads(thread)

    assert (page["title"], page["wish"], page["author"]["name"]) == ("Mornings", "experiences", "Ada")
    assert [post["body_html"].strip() for post in page["posts"]] == [
        "<p>They are <strong>long</strong>.</p>",
        "<p>I know that.</p>",
    ]
    assert [post["author"]["name"] for post in page["posts"]] == ["Ada", "Bo"]
    assert [post["opening"] for post in page["posts"]] == [True, False]
    assert [post["mine"] for post in page["posts"]] == [True, False]
    assert page["next"] is None


async def test_a_reply_answers_as_the_page_shows_it(forum: Place, ada: Person, bo: Person) -> None:
    thread = await ada.opens()
    reply = await bo.replies(thread)
    assert (await bo.reads(thread))["posts"][1] == reply


async def test_no_answer_tells_alias_home_nonce_or_version(forum: Place, ada: Person, bo: Person) -> None:
    thread = await ada.opens()
    await bo.replies(thread)
    answers = [
        (await bo.ask("GET", path)).text
        for path in ("/profile", "/threads", f"/threads/{thread['id']}", "/for-you", "/search?q=long")
    ]
    for answer in answers:
        for told in (str(ada.alias), str(bo.alias), "north", "nonce", "version", "arrived"):
            assert told not in answer


async def test_repeating_a_post_with_its_key_writes_one(forum: Place, ada: Person) -> None:
    thread = await ada.opens()
    path, key = f"/threads/{thread['id']}/posts", uuid4().hex
    first = await ada.ask("POST", path, {"body": "Once."}, key=key)
    again = await ada.ask("POST", path, {"body": "Once."}, key=key)
    other = await ada.ask("POST", path, {"body": "Something else."}, key=key)

    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert (other.status_code, other.json()["type"]) == (422, "/problems/idempotency-key-reused")
    assert len((await ada.reads(thread))["posts"]) == 2


async def test_a_repeat_is_answered_from_the_posts_present_state(forum: Place, ada: Person) -> None:
    thread = await ada.opens()
    path, key = f"/threads/{thread['id']}/posts", uuid4().hex
    post = (await ada.ask("POST", path, {"body": "First."}, key=key)).json()
    await ada.do("PUT", f"/posts/{post['id']}", {"body": "Second."})
    again = await ada.ask("POST", path, {"body": "First."}, key=key)
    assert (again.json()["body"], again.json()["edited"]) == ("Second.", True)


async def test_repeating_a_thread_with_its_key_opens_one(forum: Place, ada: Person) -> None:
    key, body = uuid4().hex, {"title": "T", "wish": "advice", "body": "B"}
    first, again = [await ada.ask("POST", "/threads", body, key=key) for _ in range(2)]
    assert first.json()["id"] == again.json()["id"]
    assert len(await forum.rows("SELECT FROM threads")) == 1


async def test_writing_without_a_forum_name_says_what_to_do(forum: Place, ada: Person) -> None:
    thread = await ada.opens()
    newcomer = forum.newcomer()
    for path, body in (
        (f"/threads/{thread['id']}/posts", {"body": "Hello."}),
        ("/threads", {"title": "Hello", "wish": "listen", "body": "Hello."}),
    ):
        answer = await newcomer.ask("POST", path, body)
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/forum-name-needed")
    assert (await newcomer.reads(thread))["title"] == "Mornings"  # reading takes no name
    await newcomer.views(thread)


async def test_an_edit_replaces_the_text_for_good_and_doesnt_move_it(
    forum: Place, ada: Person, bo: Person
) -> None:
    thread = await ada.opens()
    first = await bo.replies(thread, "Typed in a hurry")
    await ada.replies(thread, "Thank you.")
    edited = await bo.do("PUT", f"/posts/{first['id']}", {"body": "Typed with care"})

    posts = (await ada.reads(thread))["posts"]
    assert edited["edited"]
    assert [post["id"] for post in posts][1] == first["id"]
    assert "care" in posts[1]["body_html"]
    assert posts[1]["body"] is None  # the source is its writer's alone
    kept = await forum.rows("SELECT * FROM posts")
    assert not any("hurry" in str(row) for row in kept)
    versions = [
        state["version"]
        for key, state in await forum.published("shared.forum.posts.v1")
        if key == first["id"]
    ]
    assert versions == sorted(set(versions))
    assert len(versions) == 2


async def test_only_the_writer_edits_or_removes(forum: Place, ada: Person, bo: Person, kari: Person) -> None:
    thread = await ada.opens()
    opening = thread["posts"][0]
    await kari.replies(thread, "Hello from me.")
    for other in (bo, kari):
        for method, body in (("PUT", {"body": "Mine now"}), ("DELETE", None)):
            answer = await other.ask(method, f"/posts/{opening['id']}", body)
            assert (answer.status_code, answer.json()["type"]) == (404, "/problems/post-not-found")


async def test_a_removed_post_leaves_its_place_and_others_replies(
    forum: Place, ada: Person, bo: Person
) -> None:
    thread = await ada.opens("Secret title", "Secret words")
    await bo.replies(thread, "I hear you.")
    opening = thread["posts"][0]
    await ada.do("DELETE", f"/posts/{opening['id']}")
    await ada.do("DELETE", f"/posts/{opening['id']}")  # twice is once

    page = await bo.reads(thread)
    assert (page["removed"], page["title"], page["author"]) == (True, None, None)
    assert [post["removed"] for post in page["posts"]] == [True, False]
    assert page["posts"][0]["body_html"] is None
    assert page["posts"][0]["author"] is None
    assert "I hear you." in page["posts"][1]["body_html"]
    assert not any("Secret" in str(row) for row in await forum.rows("SELECT * FROM posts"))
    assert not any("Secret" in str(row) for row in await forum.rows("SELECT * FROM threads"))
    last = (await forum.published("shared.forum.posts.v1"))[-1][1]
    assert (last["erased"], last["body"]) == (True, None)

    answer = await bo.ask("POST", f"/threads/{thread['id']}/posts", {"body": "More"})
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/thread-removed")
    answer = await ada.ask("PUT", f"/posts/{opening['id']}", {"body": "Back again"})
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/post-removed")


async def test_reactions_are_given_and_taken_back_and_never_counted(
    forum: Place, ada: Person, bo: Person
) -> None:
    thread = await ada.opens()
    post = f"/posts/{thread['posts'][0]['id']}"
    await bo.do("PUT", f"{post}/reactions/thanks")
    await bo.do("PUT", f"{post}/reactions/thanks")
    assert (await bo.do("GET", post))["reactions"] == {
        "thanks": {"any": True, "mine": True},
        "recognise": {"any": False, "mine": False},
        "thinking": {"any": False, "mine": False},
    }
    assert (await ada.do("GET", post))["reactions"]["thanks"] == {"any": True, "mine": False}
    await bo.do("DELETE", f"{post}/reactions/thanks")
    assert (await ada.do("GET", post))["reactions"]["thanks"] == {"any": False, "mine": False}
    await bo.do("PUT", f"{post}/reactions/thanks")
    states = [state for _, state in await forum.published("shared.forum.reactions.v1")]
    assert [state["erased"] for state in states] == [False, True, False]
    assert states[0]["id"] == states[1]["id"] != states[2]["id"]  # given again is a new one

    answer = await ada.ask("PUT", f"{post}/reactions/thanks")
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/own-post")


async def test_a_members_writing_is_a_fact_and_a_consultants_isnt(
    forum: Place, ada: Person, kari: Person
) -> None:
    thread = await ada.opens()
    await ada.replies(thread)
    await kari.replies(thread)
    await kari.opens("Before the café")
    facts = await forum.published("local.activity.forum.v1")
    assert facts == [(str(ada.alias), {})] * 2


async def test_a_post_is_at_most_sixteen_kilobytes(forum: Place, ada: Person) -> None:
    thread = await ada.opens(body="å" * 8192)
    answer = await ada.ask("POST", f"/threads/{thread['id']}/posts", {"body": "å" * 8193})
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/post-too-long")


async def test_text_that_hides_or_turns_is_refused(forum: Place, ada: Person) -> None:
    for title in ("Hi\u202egnp.exe", "Hi\u0000", "   "):
        answer = await ada.ask("POST", "/threads", {"title": title, "wish": "listen", "body": "Hi"})
        assert answer.status_code == 422
        assert answer.headers["content-type"] == "application/problem+json"


async def test_what_isnt_there_is_said_so(forum: Place, ada: Person) -> None:
    nowhere = uuid4()
    for method, path, body in (
        ("GET", f"/threads/{nowhere}", None),
        ("POST", f"/threads/{nowhere}/posts", {"body": "Hello?"}),
        ("PUT", f"/threads/{nowhere}/read-mark", {"shown": [str(nowhere)]}),
        ("PUT", f"/threads/{nowhere}/watching", None),
        ("PUT", f"/posts/{nowhere}", {"body": "Hello?"}),
        ("DELETE", f"/posts/{nowhere}", None),
        ("PUT", f"/posts/{nowhere}/reactions/thanks", None),
        ("GET", f"/profiles/{nowhere}", None),
    ):
        answer = await ada.ask(method, path, body)
        assert answer.status_code == 404, (method, path, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
