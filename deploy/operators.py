"""An operator's account, used as any client would: by the public HTTP API at a gateway."""

import secrets
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from uuid import UUID, uuid4

import httpx

CLIENT = "cli"
WITH_COMMUNITY = ("member", "consultant", "provider")
ATTEMPTS = 6
OF_STUDIES = "The analyst who proposed the study sees its id at GET /api/analytics/studies."


class Refused(RuntimeError):
    """The region said no. The message is its problem's title, for the person at the terminal."""


class NotFound(Refused):
    """What was named isn't there."""


class NoAnswer(RuntimeError):
    """The region can't be reached."""


@dataclass(frozen=True)
class Account:
    """What an operator signs in with."""

    sign_in_name: str
    passphrase: str

    @classmethod
    def joined(cls, gateway: str, invitation: str) -> "Account":
        """A new account made with an operator's invitation.

        Raises Refused or NoAnswer.
        """
        with _client(gateway) as http:
            texts = _call(http, "GET", "/api/identity/texts", params={"language": "en"})
            offer = _call(http, "GET", "/api/identity/sign-in-names", params={"language": "en"})
            account = cls(offer["names"][0], secrets.token_urlsafe(24))
            joining = {
                "invitation": invitation,
                "over_18": True,
                "consent_version": texts["consent"]["version"],
                "research": False,
                "agreement_version": texts["agreement"]["version"],
                "offer": offer["offer"],
                "sign_in_name": account.sign_in_name,
                "passphrase": account.passphrase,
            }
            _call(http, "POST", "/api/identity/members", json=joining)
            return account


class Operator:
    """A signed-in operator; signs out at the end of the `with` block."""

    def __init__(self, gateway: str, account: Account) -> None:
        self._http = _client(gateway)
        self._account = account
        self._session = ""
        self._tokens: dict[str, str] = {}

    def __enter__(self) -> Self:
        signing_in = {
            "sign_in_name": self._account.sign_in_name,
            "passphrase": self._account.passphrase,
            "client_id": CLIENT,
        }
        self._session = _call(self._http, "POST", "/api/identity/sessions", json=signing_in)["session"]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            headers = {"Authorization": f"Bearer {self._session}"}
            _call(self._http, "DELETE", "/api/identity/sessions/current", headers=headers)
        except (Refused, NoAnswer):
            pass  # the session ends by itself
        finally:
            self._http.close()

    def communities(self) -> dict[str, str]:
        """Ids of all communities by name."""
        items = self._call("events", "GET", "/communities")["items"]
        return {item["name"]: item["id"] for item in items}

    def add_community(self, name: str, area: str) -> str:
        """Make a community; returns its id."""
        made = self._call("events", "POST", "/communities", json={"name": name, "area": area}, creates=True)
        return str(made["id"])

    def invite(
        self, role: str, communities: list[str], *, count: int = 1, days: int = 14, same_as: str | None = None
    ) -> list[str]:
        """Invitation codes for a role; communities by name or id, or none where the region has only one.

        `same_as`: the forum profile that the consultant has in another region. Raises Refused.
        """
        if communities and role not in WITH_COMMUNITY:
            raise Refused(f"An {role} belongs to no community: leave out --community.")
        if len(communities) > 1 and role != "consultant":
            raise Refused(f"A {role} has one community: say --community once.")
        if not communities and role in WITH_COMMUNITY:
            communities = list(self.communities())
            if len(communities) > 1:
                raise Refused(f"Say which community: --community {' or --community '.join(communities)}.")
        wanted = [self._community(named) for named in communities]
        body = {"role": role, "communities": wanted, "count": count, "days": days, "same_as": same_as}
        return list(self._call("identity", "POST", "/invitations", json=body, creates=True)["invitations"])

    def approve_study(self, study: str) -> str:
        """Approve what an analyst proposed; returns the study's status."""
        return self._decide(study, "approval")

    def close_study(self, study: str) -> str:
        """Close a study; returns its status."""
        return self._decide(study, "closing")

    def _decide(self, study: str, decision: str) -> str:
        try:
            UUID(study)
            answer = self._call("analytics", "POST", f"/studies/{study}/{decision}", creates=True)
        except ValueError:
            raise Refused(f"{study} isn't a study's id; those look like {uuid4()}. {OF_STUDIES}") from None
        except NotFound:
            raise Refused(f"There is no study {study} in this region. {OF_STUDIES}") from None
        return str((answer or {}).get("status", "done"))

    def _community(self, named: str) -> str:
        try:
            return str(UUID(named))
        except ValueError:
            there = self.communities()
            if named not in there:
                raise Refused(
                    f"There is no community called {named}; there are: {', '.join(there)}."
                ) from None
            return there[named]

    def _call(self, service: str, method: str, path: str, *, creates: bool = False, **options: Any) -> Any:
        headers = {"Authorization": f"Bearer {self._token(service)}"}
        if creates:
            headers["Idempotency-Key"] = str(uuid4())
        return _call(self._http, method, f"/api/{service}{path}", headers=headers, **options)

    def _token(self, audience: str) -> str:
        if audience not in self._tokens:
            form = {
                "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
                "subject_token": self._session,
                "subject_token_type": "urn:peercafe:token-type:session",
                "audience": audience,
                "client_id": CLIENT,
            }
            answer = _call(self._http, "POST", "/api/identity/token", data=form)
            self._tokens[audience] = answer["access_token"]
            self._session = answer.get("refresh_token") or self._session
        return self._tokens[audience]


def _client(gateway: str) -> httpx.Client:
    return httpx.Client(base_url=gateway, timeout=30, trust_env=False)


def _call(http: httpx.Client, method: str, path: str, **options: Any) -> Any:
    """JSON of the answer; waits where the region asks to. Raises Refused or NoAnswer."""
    for attempt in range(ATTEMPTS):
        try:
            answer = http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise NoAnswer(f"The region at {http.base_url} doesn't answer.") from error
        if answer.status_code in (429, 503) and attempt < ATTEMPTS - 1:
            time.sleep(min(float(answer.headers.get("Retry-After", "1")), 30))
            continue
        break
    if answer.is_error:
        raise (NotFound if answer.status_code == 404 else Refused)(_title(answer))
    return answer.json() if answer.content else None


def _title(answer: httpx.Response) -> str:
    try:
        problem = answer.json()
        fields = [f"{field['field']}: {field['message']}." for field in problem.get("fields", [])]
        return " ".join(part for part in (problem["title"], problem.get("detail"), *fields) if part)
    except (ValueError, KeyError, TypeError):
        return f"The region answered {answer.status_code}."
