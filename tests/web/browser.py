"""A browser without scripts: cookies, links, and forms exactly as they stand in the page.

What a person can't do with a page, this can't do either: it sends only fields that a form has, presses only buttons that
are there, and brings the headers that browsers bring.
"""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import httpx

from tests.people import an_address

VOID = frozenset({"input", "meta", "link", "br", "hr", "img"})


@dataclass
class Button:
    """A button of a form, by its words."""

    words: str = ""
    name: str | None = None
    value: str = ""


@dataclass
class Form:
    """A form with what it would send if nobody touched it."""

    action: str
    method: str
    multipart: bool = False
    values: dict[str, str] = field(default_factory=dict)
    fields: set[str] = field(default_factory=set)
    choices: dict[str, set[str]] = field(default_factory=dict)
    buttons: list[Button] = field(default_factory=list)


class Page(HTMLParser):
    """What of a page matters to somebody who reads and presses."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[tuple[str, str]] = []  # words, address
        self.words: list[str] = []
        self.title = ""
        self.language = ""
        self._form: Form | None = None
        self._forms_by_id: dict[str, Form] = {}
        self._link: list[str] | None = None
        self._href = ""
        self._button: Button | None = None
        self._textarea: str | None = None
        self._in: list[str] = []
        self.feed(html)

    @property
    def text(self) -> str:
        """All words of the page on one line."""
        return " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what can be followed, filled in or pressed."""
        values = {name: value or "" for name, value in attrs}
        if tag not in VOID:
            self._in.append(tag)
        if tag == "html":
            self.language = values.get("lang", "")
        elif tag == "form":
            self._form = Form(
                values.get("action", ""),
                values.get("method", "get"),
                "multipart" in values.get("enctype", ""),
            )
            self.forms.append(self._form)
            self._forms_by_id[values.get("id", "")] = self._form
        elif tag == "a":
            self._link, self._href = [], values.get("href", "")
        elif tag == "button":
            form = self._forms_by_id[values["form"]] if "form" in values else self._form
            if form is not None:
                self._button = Button("", values.get("name"), values.get("value", ""))
                form.buttons.append(self._button)
        elif tag in ("input", "textarea") and self._form is not None:
            self._note_field(tag, values)

    def _note_field(self, tag: str, values: dict[str, str]) -> None:
        assert self._form is not None
        name, kind = values.get("name", ""), values.get("type", "text")
        self._form.fields.add(name)
        if tag == "textarea":
            self._textarea = name
            self._form.values[name] = ""
        elif kind in ("radio", "checkbox"):
            self._form.choices.setdefault(name, set()).add(values["value"])
            if "checked" in values:
                self._form.values[name] = values["value"]
        else:
            self._form.values[name] = values.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        """Close what was open."""
        if self._in and tag in self._in:
            while self._in.pop() != tag:
                pass
        if tag == "form":
            self._form = None
        elif tag == "a" and self._link is not None:
            self.links.append((" ".join("".join(self._link).split()), self._href))
            self._link = None
        elif tag == "button":
            self._button = None
        elif tag == "textarea":
            self._textarea = None

    def handle_data(self, data: str) -> None:
        """Words, wherever they stand."""
        where = self._in[-1] if self._in else ""
        if where == "title":
            self.title += data
            return
        if self._textarea is not None and self._form is not None:
            self._form.values[self._textarea] += data.removeprefix("\n")
        if self._button is not None:
            self._button.words = " ".join((self._button.words + data).split())
        if self._link is not None:
            self._link.append(data)
        self.words.append(data)


class Browser:
    """One person's browser. `page` is what they look at, `answer` how it came."""

    def __init__(self, url: str, language: str = "en") -> None:
        self._origin = "{0.scheme}://{0.netloc}".format(urlsplit(url))
        self.http = httpx.Client(
            base_url=url,
            headers={"accept-language": language, "accept": "text/html", "user-agent": "tests"},
            follow_redirects=True,
            timeout=30,
            transport=httpx.HTTPTransport(local_address=an_address()),
        )
        self.answer: httpx.Response
        self.page: Page

    def open(self, path: str) -> Page:
        """Types an address."""
        return self._look(self.http.get(path))

    def follow(self, words: str) -> Page:
        """Follows the first link with these words."""
        for link_words, href in self.page.links:
            if words in link_words:
                return self.open(urljoin(str(self.answer.url), href))
        raise AssertionError(f"no link “{words}” among {[link for link, _ in self.page.links]}")

    def press(self, words: str, within: str = "", **typed: str) -> Page:
        """Fills in the form that has this button (and an action ending in `within`), and presses it."""
        form, button = self.form(words, within)
        values = dict(form.values)
        for name, value in typed.items():
            assert name in form.fields, f"the form has no field {name}: {sorted(form.fields)}"
            assert name not in form.choices or value in form.choices[name], f"{name} can't be {value}"
            values[name] = value
        if button.name:
            values[button.name] = button.value
        return self.post(form.action, values, multipart=form.multipart)

    def form(self, words: str, within: str = "") -> tuple[Form, Button]:
        """The form with a button of these words."""
        for form in self.page.forms:
            for button in form.buttons:
                if button.words == words and form.action.endswith(within):
                    return form, button
        there = [button.words for form in self.page.forms for button in form.buttons]
        raise AssertionError(
            f"no button “{words}” among {there} on {self.answer.url}\n{self.page.text[:600]}"
        )

    def post(self, path: str, values: dict[str, str], *, multipart: bool = False) -> Page:
        """Sends a form as browsers do."""
        sent = {"origin": self._origin, "sec-fetch-site": "same-origin"}
        if multipart:
            return self._look(
                self.http.post(
                    path, files={name: (None, value) for name, value in values.items()}, headers=sent
                )
            )
        return self._look(self.http.post(path, data=values, headers=sent))

    def send(self, path: str, values: dict[str, str]) -> None:
        """Sends a form and doesn't look where it leads."""
        sent = {"origin": self._origin, "sec-fetch-site": "same-origin"}
        answer = self.http.post(path, data=values, headers=sent, follow_redirects=False)
        assert answer.status_code == 303, answer.status_code

    def _look(self, answer: httpx.Response) -> Page:
        self.answer = answer
        self.page = Page(answer.text if "html" in answer.headers.get("content-type", "") else "")
        return self.page

    @property
    def path(self) -> str:
        """Where the browser is."""
        return self.answer.url.path
