"""Me: one's account, the research choice, the passphrase, signing out everywhere."""

from starlette.responses import Response

from services.web.errors import Refused
from services.web.pages.sign_in import left
from services.web.visits import EVERYBODY, Visit, form, page


async def show(visit: Visit) -> Response:
    """What the account says, and where to go from here."""
    account = await visit.ask("identity", "GET", "/me")
    return visit.render("me.html", account=account)


async def show_agreed(visit: Visit) -> Response:
    """Consent and agreement, in the versions that this person said yes to."""
    account = await visit.ask("identity", "GET", "/me")
    said_yes_to = {"consent": account["consent_version"], "agreement": account["agreement_version"]}
    texts = await visit.ask_openly(
        "identity", "GET", "/texts", params={"language": visit.language, **said_yes_to}
    )
    return visit.render("agreed.html", account=account, texts=texts)


async def show_research(visit: Visit) -> Response:
    """What research means, and the choice as it stands."""
    account = await visit.ask("identity", "GET", "/me")
    return visit.render("research.html", account=account)


async def choose_research(visit: Visit) -> Response:
    """Says yes, or withdraws."""
    consent = visit.field("consent") == "yes"
    await visit.ask("identity", "PUT", "/me/research", {"consent": consent, "language": visit.language})
    return visit.go("/me", "research-on" if consent else "research-off")


async def show_passphrase(visit: Visit) -> Response:
    """The form."""
    return visit.render("passphrase.html")


async def change_passphrase(visit: Visit) -> Response:
    """Changes it, which signs out everywhere."""
    body = {name: str(visit.form.get(name, "")) for name in ("passphrase", "new_passphrase")}
    try:
        await visit.ask("identity", "PUT", "/me/passphrase", body)
    except Refused as error:
        return visit.render("passphrase.html", error.status, problem=visit.explain(error))
    return left(visit, "passphrase")  # identity has ended every session, this one too


async def sign_out_everywhere(visit: Visit) -> Response:
    """Ends every session of this account."""
    session = visit.session
    await visit.ask("identity", "DELETE", "/sessions")
    visit.site.gateway.forget(session)
    return left(visit, "signed-out-everywhere")


routes = [
    page("/me", show, EVERYBODY),
    page("/me/agreed", show_agreed, EVERYBODY),
    page("/me/research", show_research, EVERYBODY),
    form("/me/research", choose_research, EVERYBODY),
    page("/me/passphrase", show_passphrase, EVERYBODY),
    form("/me/passphrase", change_passphrase, EVERYBODY),
    form("/me/sign-out-everywhere", sign_out_everywhere, EVERYBODY),
]
