"""Words are found in both languages, removed and hidden ones never."""

from tests.forum.people import Person, Place


async def test_words_are_found_by_their_stem_in_both_languages(forum: Place, ada: Person) -> None:
    english = await ada.opens("Sleeping badly", "I was walking all night.")
    norwegian = await ada.opens("Søvnløse netter", "Jeg gikk lange turer i skogene.")

    for words in ("sleep", "walks", "SLEEPING", "night walked"):
        assert {f["thread_id"] for f in await ada.finds(words)} == {english["id"]}, words
    for words in ("natt" if False else "netter", "skogen", "søvnløs", "turer"):
        assert {f["thread_id"] for f in await ada.finds(words)} == {norwegian["id"]}, words
    assert await ada.finds("sleep skogen") == []


async def test_a_post_is_found_with_the_way_to_it(forum: Place, ada: Person, bo: Person) -> None:
    thread = await ada.opens()
    reply = await bo.replies(thread, "Porridge helps. " + "x " * 200)
    [found] = await ada.finds("porridge")
    assert found["post_id"] == reply["id"]
    assert found["after"] == thread["posts"][0]["id"]
    assert found["title"] == "Mornings"
    assert found["excerpt"].startswith("Porridge helps.")
    assert found["excerpt"].endswith("…")


async def test_the_first_words_are_shown_as_they_are_read_without_marks(forum: Place, ada: Person) -> None:
    await ada.opens(
        "Marks", "# Rowing\n\n**Cal**m & [quiet](https://example.org/" + "a" * 300 + ") if a < b.\n- one"
    )
    [found] = await ada.finds("rowing")
    assert found["excerpt"] == "Rowing Calm & quiet if a < b. one"
    await ada.opens("Long", "Lighthouse " + "[x](https://example.org/long) " * 200)
    [found] = await ada.finds("lighthouse")
    assert found["excerpt"].startswith("Lighthouse x x")
    assert found["excerpt"].endswith("…")
    assert "<" not in found["excerpt"]


async def test_what_was_removed_or_edited_away_isnt_found(forum: Place, ada: Person, bo: Person) -> None:
    thread = await ada.opens("Umbrella", "Under the umbrella")
    reply = await bo.replies(thread, "Raincoat")
    await bo.do("PUT", f"/posts/{reply['id']}", {"body": "Sou'wester"})
    assert await ada.finds("raincoat") == []
    await ada.do("DELETE", f"/posts/{thread['posts'][0]['id']}")
    assert await ada.finds("umbrella") == []


async def test_what_a_consultant_hid_isnt_found(forum: Place, ada: Person, bo: Person, kari: Person) -> None:
    thread = await ada.opens("Garden", "Tomatoes")
    reply = await bo.replies(thread, "Cucumbers")
    await kari.do("POST", f"/posts/{reply['id']}/hides", {"reason": "r"})
    assert await ada.finds("cucumber") == []
    await kari.do("POST", f"/posts/{thread['posts'][0]['id']}/hides", {"reason": "r"})
    assert await ada.finds("garden") == []
    assert await ada.finds("tomatoes") == []


async def test_found_items_page_by_the_last_ones_id(forum: Place, ada: Person) -> None:
    thread = await ada.opens("Lantern", "Lantern")
    for n in range(4):
        await ada.replies(thread, f"Lantern {n}")
    seen: list[str] = []
    after = ""
    while True:
        page = await ada.do("GET", f"/search?q=lantern&limit=2{after}")
        seen += [f["id"] for f in page["items"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert len(seen) == len(set(seen)) == 6
    assert seen == sorted(seen, reverse=True)


async def test_any_words_can_be_asked_for(forum: Place, ada: Person) -> None:
    for words in ("' OR 1=1 --", "((", "&&&", '"unended', "the and", "-", "%_"):
        answer = await ada.ask("GET", "/search?q=" + __import__("urllib.parse").parse.quote(words))
        assert answer.status_code in (200, 422), words
