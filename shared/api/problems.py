"""Errors as RFC 9457 problem details: a stable `type` to translate by, a sentence that helps."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, ClassVar

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from shared.database.faults import ERRORS, is_away
from shared.telemetry.logging import describe

MEDIA_TYPE = "application/problem+json"
MOST_FIELDS = 20  # in one refusal: five thousand unknown keys are not answered with as many sentences
LONGEST_FIELD = 100
_log = structlog.get_logger()


class ProblemDetails(BaseModel):
    """What an error looks like to a client (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str | None = None


# Every route's, in its OpenAPI description
ANSWERS: dict[int | str, dict[str, Any]] = {
    "4XX": {
        "description": "What is wrong, and what helps.",
        "content": {MEDIA_TYPE: {"schema": ProblemDetails.model_json_schema()}},
    }
}


class Problem(Exception):
    """An expected error. Subclasses set status, type (a slug) and title; `detail` never repeats what was sent."""

    status: ClassVar[int] = 400
    type: ClassVar[str] = "bad-request"
    title: ClassVar[str] = "That can't be done."

    def __init__(
        self,
        detail: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(self.title)
        self.detail = detail
        self.headers = headers
        self.extra = extra or {}


class NotFound(Problem):
    """Doesn't exist, or isn't for this caller: the two answer alike."""

    status = 404
    type = "not-found"
    title = "There is nothing here for you."


class Busy(Problem):
    """An engine behind us doesn't answer. Whether a commit took effect may be unknown: a repeat's key makes it safe."""

    status = 503
    type = "not-now"
    title = (
        "This doesn't work just now. Please try again in a moment;"
        " with the same Idempotency-Key nothing happens twice."
    )


def problem_response(
    status: int,
    type_: str,
    title: str,
    detail: str | None = None,
    headers: Mapping[str, str] | None = None,
    **extra: Any,
) -> JSONResponse:
    """One problem as an answer; `type_` is the slug behind /problems/."""
    body: dict[str, Any] = {"type": f"/problems/{type_}", "title": title, "status": status, **extra}
    if detail is not None:
        body["detail"] = detail
    return JSONResponse(body, status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


async def _on_problem(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)
    return problem_response(error.status, error.type, error.title, error.detail, error.headers, **error.extra)


async def _on_invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    fields = [
        {
            "field": ".".join(str(part) for part in item["loc"][1:])[:LONGEST_FIELD],
            "problem": item["type"],
            "message": item["msg"],
        }
        for item in error.errors()
    ]
    special = next((field for field in fields if field["problem"] == "text_not_allowed"), None)
    if special:
        return problem_response(
            422,
            "text-not-allowed",
            "This text has characters that can't be shown.",
            special["message"],
            fields=fields[:MOST_FIELDS],
        )
    malformed = any(field["problem"] == "json_invalid" for field in fields)
    return problem_response(
        400 if malformed else 422,
        "invalid",
        "Something in this can't be read." if malformed else "Please look at the fields named here.",
        fields=fields[:MOST_FIELDS],
    )


async def _on_http(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    phrase = HTTPStatus(error.status_code).phrase
    return problem_response(
        error.status_code, phrase.lower().replace(" ", "-"), f"{phrase}.", headers=error.headers
    )


async def _on_engine(_request: Request, error: Exception) -> JSONResponse:
    if not is_away(error):
        return await _on_bug(_request, error)
    _log.warning("engine_unavailable", **describe(error))
    return problem_response(Busy.status, Busy.type, Busy.title, headers={"Retry-After": "2"})


async def _on_bug(_request: Request, error: Exception) -> JSONResponse:
    _log.error("unexpected_error", **describe(error))
    return problem_response(500, "unexpected", "Something went wrong on our side. Nothing was lost.")


def install(app: FastAPI) -> None:
    """Every error of `app` becomes problem details, in its OpenAPI too. To be called before routers are included.

    An address with a slash too many is an error as well: Starlette's redirect is made from the Host header, which
    would send a person, or a cache, to whatever host a stranger wrote there.
    """
    app.router.redirect_slashes = False
    app.router.responses = ANSWERS
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    for kind in ERRORS:
        app.add_exception_handler(kind, _on_engine)
    app.add_exception_handler(ConnectionError, _on_engine)
    app.add_exception_handler(TimeoutError, _on_engine)
    app.add_exception_handler(Exception, _on_bug)
