"""A new passphrase with one of the recovery codes."""

from starlette.responses import Response

from services.web.errors import Refused, ServiceError
from services.web.visits import Visit, form, page


async def show(visit: Visit) -> Response:
    """The form."""
    return visit.render("recover.html", sign_in_name="")


async def recover(visit: Visit) -> Response:
    """Changes the passphrase; new codes are shown this once."""
    name = visit.field("sign_in_name")
    try:
        made = await visit.ask_openly(
            "identity",
            "POST",
            "/recoveries",
            {
                "sign_in_name": name,
                "recovery_code": visit.field("recovery_code"),
                "new_passphrase": str(visit.form.get("new_passphrase", "")),
            },
        )
    except ServiceError as error:
        status = error.status if isinstance(error, Refused) else 503
        return visit.render(
            "recover.html", status, sign_in_name=name, problem=visit.explain(error), here="/recover"
        )
    return visit.render("recovery_codes.html", codes=made["recovery_codes"], just_joined=False)


routes = [page("/recover", show), form("/recover", recover)]
