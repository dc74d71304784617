"""A visit: one request by one person. Pages are functions from a Visit to a Response, made routes by `page` and `form`."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from services.web.errors import Away, FormRefused, Refused, ServiceError, SignedOut
from services.web.fields import explain
from services.web.language import COOKIE, LANGUAGES, choose_language, page_of_form
from services.web.rendering import Rendering
from services.web.security import FORM_TOKEN, has_form_token, require_form_token, require_own_origin
from services.web.services import Gateway
from services.web.session import Held, SessionCookie
from services.web.settings import Settings
from services.web.words import SAID
from shared.region import RegionFacts

READERS = frozenset({"member", "consultant"})  # who reads the forum and comes to cafés
MEMBERS = frozenset({"member"})
CONSULTANTS = frozenset({"consultant"})
INVITERS = frozenset({"consultant", "provider"})
EVERYBODY = frozenset({"member", "consultant", "provider", "analyst", "operator"})

LONGEST_QUERY = 200  # of an address that is kept while somebody signs in; ours are shorter
LANGUAGE_SECONDS = 365 * 24 * 3600
NEVER_SHOWN_AGAIN = frozenset(
    {FORM_TOKEN, "passphrase", "new_passphrase", "invitation", "recovery_code", "receipt", "code"}
)
WRITTEN = frozenset({"body", "title", "reason", "name", "q"})  # fields a person typed: shown again to be kept


@dataclass(frozen=True)
class Site:
    """What all visits share; made once by the composition root."""

    settings: Settings
    region: RegionFacts
    gateway: Gateway
    rendering: Rendering
    cookie: SessionCookie


class Visit:
    """The person, their language, the form they sent, and the services as they may see them."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.site: Site = request.app.state.site
        self.language = choose_language(request)
        self.form = FormData()
        self._brought = self.site.cookie.read(request)
        self.held = self._brought or Held.anonymous()
        self._nonce_used = False
        self._language_chosen = False

    @property
    def session(self) -> str:
        """Raises SignedOut."""
        if self.held.session is None:
            raise SignedOut
        return self.held.session

    @property
    def role(self) -> str | None:
        return self.held.role

    @property
    def reads(self) -> bool:
        return self.role in READERS

    def path(self, name: str) -> str:
        return str(self.request.path_params[name])

    def query(self, name: str) -> str | None:
        """A value of the address, None when it isn't there."""
        return self.request.query_params.get(name)

    def field(self, name: str) -> str:
        """A field of the form as text, empty when missing."""
        value = self.form.get(name, "")
        return value.strip() if isinstance(value, str) else ""

    def switches_language(self) -> bool:
        """Whether the form was sent by the footer's switch: this page and later ones then speak that language."""
        chosen = self.field("speak")
        if chosen not in LANGUAGES:
            return False
        self.language, self._language_chosen = chosen, True
        return True

    def gettext(self, text: str) -> str:
        return self.site.rendering.gettext(self.language)(text)

    def ngettext(self, one: str, several: str, count: int) -> str:
        return self.site.rendering.ngettext(self.language)(one, several, count)

    def explain(self, error: Exception) -> str:
        """What an error means, in the visitor's language."""
        return explain(error, self.gettext)

    async def ask(
        self,
        service: str,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        key: str | None = None,
        params: Mapping[str, str | int | None] | None = None,
        scope: str | None = None,
    ) -> Any:
        """One call of a service in this person's name. Raises Refused, Away or SignedOut."""
        return await self.site.gateway.call_for(
            self.session, service, method, path, body, key=key, params=params, scope=scope
        )

    async def ask_openly(
        self,
        service: str,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        params: Mapping[str, str | int | None] | None = None,
    ) -> Any:
        """One call that needs no token. Raises Refused or Away."""
        return await self.site.gateway.call(service, method, path, body, params=params)

    async def reading(
        self, service: str, path: str, params: Mapping[str, str | int | None] | None = None
    ) -> Any:
        """A read that a page can do without: None when the service is away or refuses."""
        try:
            return await self.ask(service, "GET", path, params=params)
        except (Away, Refused):
            return None

    def form_token(self) -> str:
        self._nonce_used = True
        return self.site.cookie.form_token(self.held)

    def render(self, template: str, status: int = 200, **context: Any) -> Response:
        """A page in the visitor's language. A form on it brings the cookie its token is made from."""
        said = self.query("said") or ""
        values: dict[str, Any] = {
            "visit": self,
            "signed_in": self.held.session is not None,
            "role": self.role,
            "reads": self.reads,
            "said": SAID.get(said),
            "said_key": said if said in SAID else "",
            "here": self.request.url.path if self.request.method == "GET" else None,
            "form_at": lambda: page_of_form(self.request),
            "form_token": self.form_token,
            "problem": None,
            **context,
        }
        response = HTMLResponse(self.site.rendering.page(template, self.language, values), status)
        response.headers["content-language"] = self.language
        if self._language_chosen:
            remember_language(response, self.language, self.site)
        if self._nonce_used and self._brought is None:
            self.site.cookie.write(response, self.held)
        return response

    def go(self, path: str, said: str | None = None, anchor: str = "") -> Response:
        """After a form: see other."""
        query = f"?said={said}" if said else ""
        return RedirectResponse(f"{path}{query}{'#' + anchor if anchor else ''}", 303)

    def enter(self, response: Response, session: str, role: str) -> Response:
        """Signs in: the cookie goes out with this response."""
        self.held = self.held.signed_in(session, role)
        self._brought = self.held
        self.site.cookie.write(response, self.held)
        return response


Handler = Callable[[Visit], Awaitable[Response]]


def page(path: str, handler: Handler, who: frozenset[str] | None = None) -> Route:
    """A GET. `who`: the roles it is for; None is everybody, signed in or not."""

    async def endpoint(request: Request) -> Response:
        chosen = request.query_params.get("language")
        if chosen in LANGUAGES:
            return _in_language(request, chosen)
        visit = Visit(request)
        try:
            if who is not None and visit.session and visit.role not in who:
                return visit.render("not_for_you.html", 403)
            return await handler(visit)
        except SignedOut:
            return _signed_out(visit)
        except (Refused, Away) as error:
            return _cannot_show(visit, error)

    return Route(path, endpoint, methods=["GET"])


def form(
    path: str, handler: Handler, who: frozenset[str] | None = None, outdated: Handler | None = None
) -> Route:
    """A POST from one of our pages. Whatever goes wrong, what a person wrote comes back to them.

    `outdated` answers somebody signed in whose form is from before they signed in.
    """

    async def endpoint(request: Request) -> Response:
        visit = Visit(request)
        try:
            visit.form = await request.form(max_files=0, max_fields=60)
            require_own_origin(request, visit.site.settings.public_url)
            if who is not None and visit.session and visit.role not in who:
                return visit.render("not_for_you.html", 403)
            if (
                outdated
                and visit.held.session is not None
                and not has_form_token(visit.form, visit.form_token())
            ):
                return await outdated(visit)
            require_form_token(visit.form, visit.form_token())
            return await handler(visit)
        except (ServiceError, FormRefused) as error:
            return again(visit, error)

    return Route(path, endpoint, methods=["POST"])


def again(visit: Visit, error: Exception) -> Response:
    """The page after a form that didn't get through: why, and the same form to send again, the text still in it."""
    status = 401 if isinstance(error, SignedOut) else 403 if isinstance(error, FormRefused) else 503
    if isinstance(error, Refused):
        status = error.status
    written = [(name, str(value)) for name, value in visit.form.multi_items() if name in WRITTEN]
    carried = [
        (name, str(value))
        for name, value in visit.form.multi_items()
        if name not in WRITTEN and name not in NEVER_SHOWN_AGAIN
    ]
    if isinstance(error, Refused) and error.type == "idempotency-key-reused":
        carried = [(name, str(uuid4()) if name == "key" else value) for name, value in carried]
    response = visit.render(
        "again.html",
        status,
        problem=visit.explain(error),
        signed_out=isinstance(error, SignedOut),
        paused=isinstance(error, Refused) and error.type == "writing-paused",
        action=visit.request.url.path,
        written=written,
        carried=carried,
        can_repeat=not (visit.form.keys() & NEVER_SHOWN_AGAIN - {FORM_TOKEN}),
    )
    if isinstance(error, Refused) and error.retry_after:
        response.headers["retry-after"] = str(error.retry_after)
    return response


def _in_language(request: Request, language: str) -> Response:
    """The footer's switch: remembers the choice on this device, and shows the same page."""
    response = RedirectResponse(request.url.path, 303)
    site: Site = request.app.state.site
    remember_language(response, language, site)
    return response


def remember_language(response: Response, language: str, site: Site) -> None:
    """The choice stays on this device."""
    response.set_cookie(
        COOKIE, language, max_age=LANGUAGE_SECONDS, path="/", samesite="lax", secure=site.settings.over_https
    )


def _signed_out(visit: Visit) -> Response:
    response = RedirectResponse("/sign-in", 303)
    if visit.held.session is None:
        visit.site.cookie.write(response, visit.held.wanting(_address(visit.request)))
    else:  # whoever signs in next on this device needn't be the same person: nothing tells what was read
        visit.site.gateway.forget(visit.held.session)
        visit.site.cookie.forget(response)
    return response


def _address(request: Request) -> str:
    """The page of ours that was asked for. Of the scope, in which a Host header has no part as it has in `request.url`."""
    path, query = quote(request.scope["path"]), request.scope["query_string"].decode("latin-1")
    return f"{path}?{query}" if query and len(query) <= LONGEST_QUERY else path


def _cannot_show(visit: Visit, error: Refused | Away) -> Response:
    status = error.status if isinstance(error, Refused) else 503
    response = visit.render("cannot_show.html", status, problem=visit.explain(error))
    if isinstance(error, Refused) and error.retry_after:
        response.headers["retry-after"] = str(error.retry_after)
    return response
