"""Routes that FastAPI describes and we serve: its own way to an endpoint costs more than a reply's database work."""

import inspect
import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from email.message import Message
from functools import lru_cache
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from fastapi import APIRouter, FastAPI
from fastapi._compat import ModelField
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import request_body_to_args, request_params_to_args
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic_core import PydanticUndefined
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from shared.api.problems import ANSWERS

Call = Callable[..., Any]
# Parameters of these types, and literals, are one value.
PLAIN = frozenset({str, int, bool, UUID, type(None)})


def router(tag: str) -> APIRouter:
    """A router for `install`; its routes' errors are described as problem details."""
    return APIRouter(tags=[tag], route_class=PlainRoute, responses=ANSWERS)


def install(app: FastAPI, routers: Iterable[APIRouter]) -> None:
    """The routers' routes become `app`'s own, in one list: FastAPI looks an included router's up four times over."""
    for each in routers:
        app.router.routes.extend(each.routes)


class PlainRoute(APIRoute):
    """A route like any other, its signature read by FastAPI and told by OpenAPI.

    An endpoint that answers with a `Response` and depends on nothing but functions of the request (and of headers)
    is called directly: body, dependencies in their order, path, query, all checked by FastAPI's own fields; what
    isn't valid is its RequestValidationError. A dependency that yields ends before the answer goes out, as those of
    scope "function" do. Every other endpoint is served by FastAPI.
    """

    def __init__(self, path: str, endpoint: Call, **given: Any) -> None:
        super().__init__(path, endpoint, **given)
        self.is_direct = get_type_hints(endpoint).get("return") is Response and _is_plain_endpoint(
            self.dependant
        )
        if self.is_direct:
            self._needs = [_Need(each) for each in self.dependant.dependencies]
            self._told = (_Told(self.dependant.path_params), _Told(self.dependant.query_params))
            self.app = self._serve

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        async with AsyncExitStack() as ends:
            values = await self._values(request, ends)
            response: Response = await self.endpoint(**values)
        await response(scope, receive, send)

    async def _values(self, request: Request, ends: AsyncExitStack) -> dict[str, Any]:
        dependant = self.dependant
        body = await _body(request) if dependant.body_params else None
        values: dict[str, Any] = {}
        errors: list[Any] = []
        for need in self._needs:
            given, wrong = request_params_to_args(need.headers, request.headers) if need.headers else ({}, [])
            if wrong:
                errors += wrong
                continue
            if need.request is not None:
                given[need.request] = request
            value = need.call(**given)
            values[need.name] = await (ends.enter_async_context(value) if need.ends else value)
        in_path, in_query = self._told
        for told, sent in ((in_path, request.path_params), (in_query, request.query_params)):
            if told.fields:
                given, wrong = told.values(sent)
                values |= given
                errors += wrong
        if dependant.body_params:
            given, wrong = await request_body_to_args(dependant.body_params, body, embed_body_fields=False)
            values |= given
            errors += wrong
        if errors:
            raise RequestValidationError(errors, body=body)
        return values


class _Need:
    """A dependency: how to call it, and whether what it gives must be ended."""

    __slots__ = ("call", "ends", "headers", "name", "request")

    def __init__(self, dependant: Dependant) -> None:
        assert dependant.call is not None
        assert dependant.name is not None
        self.ends = inspect.isasyncgenfunction(dependant.call)
        self.call: Call = asynccontextmanager(dependant.call) if self.ends else dependant.call
        self.name = dependant.name
        self.request = dependant.request_param_name
        self.headers = dependant.header_params


class _Told:
    """Path or query parameters: what FastAPI finds out about each for every request, found out once."""

    __slots__ = ("_plain", "fields")

    def __init__(self, fields: list[ModelField]) -> None:
        self.fields = fields
        self._plain: list[_Plain] | None = None
        if all(map(_is_plain_field, fields)):
            self._plain = [_Plain(each) for each in fields]

    def values(self, sent: Mapping[str, Any]) -> tuple[dict[str, Any], list[Any]]:
        """As `request_params_to_args`, which also says what is wrong where anything is."""
        if self._plain is None:
            return request_params_to_args(self.fields, sent)
        values: dict[str, Any] = {}
        for each in self._plain:
            value = sent.get(each.alias)
            if value is not None:
                values[each.name], wrong = each.validate(value)
                if wrong:
                    return request_params_to_args(self.fields, sent)
            elif each.is_required:
                return request_params_to_args(self.fields, sent)
            else:
                values[each.name] = each.default
        return values, []


class _Plain:
    """A parameter of one name and one value."""

    __slots__ = ("alias", "default", "is_required", "name", "validate")

    def __init__(self, field: ModelField) -> None:
        self.name = field.name
        self.alias = field.alias
        self.validate = field.validate
        self.is_required = field.field_info.is_required()
        self.default = field.default


def _is_plain_field(field: ModelField) -> bool:
    """Whether it has one name and is one immutable value, its default too."""
    about, config = field.field_info, field.config
    kinds = get_args(about.annotation) if _is_union(about.annotation) else (about.annotation,)
    return (
        all(kind in PLAIN or get_origin(kind) is Literal for kind in kinds)
        and about.validation_alias in (None, field.alias)
        and about.default_factory is None
        and not (about.validate_default or config)
    )


def _is_union(annotation: object) -> bool:
    return get_origin(annotation) in (Union, UnionType)


def _is_plain_endpoint(dependant: Dependant) -> bool:
    """Whether `_values` knows all that this endpoint takes, itself and through what it depends on."""
    return (
        inspect.iscoroutinefunction(dependant.call)
        and not _takes_more(dependant)
        and not (dependant.header_params or dependant.request_param_name)
        and len(dependant.body_params) <= 1
        and all(map(_is_plain_dependency, dependant.dependencies))
    )


def _is_plain_dependency(dependant: Dependant) -> bool:
    call = dependant.call
    return (
        (
            inspect.iscoroutinefunction(call)
            or (inspect.isasyncgenfunction(call) and dependant.scope == "function")
        )
        and dependant.name is not None
        and not _takes_more(dependant)
        and not (
            dependant.dependencies or dependant.path_params or dependant.query_params or dependant.body_params
        )
    )


def _takes_more(dependant: Dependant) -> bool:
    return bool(
        dependant.cookie_params
        or dependant.response_param_name
        or dependant.background_tasks_param_name
        or dependant.http_connection_param_name
        or dependant.security_scopes_param_name
    )


async def _body(request: Request) -> Any:
    """The body as FastAPI reads it for a JSON field: bytes, where they aren't said to be JSON."""
    try:
        body = await request.body()
        if not body:
            return PydanticUndefined  # which isn't JSON's null
        return json.loads(body) if _is_json(request.headers.get("content-type", "")) else body
    except json.JSONDecodeError as error:
        wrong = {"type": "json_invalid", "loc": ("body", error.pos), "msg": "JSON decode error", "input": {}}
        raise RequestValidationError([wrong], body=error.doc) from error
    except Exception as error:
        raise HTTPException(400, "There was an error parsing the body") from error


@lru_cache(maxsize=64)
def _is_json(content_type: str) -> bool:
    if not content_type:
        return False
    message = Message()
    message["content-type"] = content_type
    kind = message.get_content_subtype()
    return message.get_content_maintype() == "application" and (kind == "json" or kind.endswith("+json"))
