"""What a neighbour may do in our Kafka: sign in at the listener for neighbours, and read the mirrored topics. No more.

Its password is kept by Kafka as SCRAM keeps it; the rights are Kafka's own ACLs, one set for each topic of the
catalogue that is mirrored, so that a neighbour can't even see that there are others.
"""

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import for_code
from aiokafka.protocol.admin import CreateAclsRequest, DeleteAclsRequest
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    CompactArray,
    CompactBytes,
    CompactString,
    Int8,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

from shared.bus.broker import make_admin
from shared.contracts.topics import CATALOGUE
from shared.settings import KafkaSettings

SCRAM_SHA_512 = 2
ITERATIONS = 8192
TOPIC, LITERAL = 2, 3  # Kafka's resource and pattern types
READ, DESCRIBE, DESCRIBE_CONFIGS = 3, 8, 10  # operations
ANY, ALLOW = 1, 3  # any operation, in a filter; permission
NOT_THERE = 91  # RESOURCE_NOT_FOUND


class _Response(Response):  # type: ignore[misc]
    API_KEY = 51
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "results",
            CompactArray(
                ("user", CompactString("utf-8")),
                ("error_code", Int16),
                ("error_message", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _Struct(RequestStruct):  # type: ignore[misc]
    FLEXIBLE_VERSION = True
    API_KEY = 51
    API_VERSION = 0
    RESPONSE_TYPE = _Response
    SCHEMA = Schema(
        (
            "deletions",
            CompactArray(("name", CompactString("utf-8")), ("mechanism", Int8), ("tags", TaggedFields)),
        ),
        (
            "upsertions",
            CompactArray(
                ("name", CompactString("utf-8")),
                ("mechanism", Int8),
                ("iterations", Int32),
                ("salt", CompactBytes),
                ("salted_password", CompactBytes),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _AlterScramCredentials(Request[_Struct]):  # type: ignore[misc]
    """AlterUserScramCredentials, which aiokafka doesn't have."""

    API_KEY = 51

    def __init__(self, deletions: list[Any], upsertions: list[Any]) -> None:
        self._deletions = deletions
        self._upsertions = upsertions

    def build(self, request_struct_class: type[_Struct]) -> _Struct:
        return request_struct_class(self._deletions, self._upsertions, {})


async def admit(kafka: KafkaSettings, admitted: Mapping[str, str], left: Iterable[str] = ()) -> None:
    """Let each of `admitted` (region → password) in, and none of `left`; harmless when repeated.

    `kafka` is the listener for this machine. Raises KafkaError.
    """
    admin = make_admin(kafka, "peercafe-neighbours")
    try:
        await admin.start()
        await _set_passwords(admin, admitted, left)
        for region in admitted:
            for topic in CATALOGUE:
                if topic.mirrored:
                    for operation in (READ, DESCRIBE, DESCRIBE_CONFIGS):
                        await _allow(admin, region, topic.name, operation)
        for region in left:
            await _forget(admin, region)
    finally:
        await admin.close()


async def _set_passwords(
    admin: AIOKafkaAdminClient, admitted: Mapping[str, str], left: Iterable[str]
) -> None:
    upsertions: list[Any] = []
    for region, password in admitted.items():
        salt = secrets.token_bytes(24)
        salted = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ITERATIONS)
        upsertions.append((region, SCRAM_SHA_512, ITERATIONS, salt, salted, {}))
    deletions: list[Any] = [(region, SCRAM_SHA_512, {}) for region in left]
    if not upsertions and not deletions:
        return
    answer = await _ask(admin, _AlterScramCredentials(deletions, upsertions))
    for region, code, *_ in answer.results:
        if code not in (0, NOT_THERE):
            raise for_code(code)(f"the password of {region} can't be set")


async def _allow(admin: AIOKafkaAdminClient, region: str, topic: str, operation: int) -> None:
    answer = await _ask(
        admin, CreateAclsRequest(TOPIC, topic, LITERAL, f"User:{region}", "*", operation, ALLOW)
    )
    for code, _message in answer.creation_responses:
        if code:
            raise for_code(code)(f"{region} can't be allowed to read {topic}")


async def _forget(admin: AIOKafkaAdminClient, region: str) -> None:
    answer = await _ask(admin, DeleteAclsRequest(TOPIC, None, ANY, f"User:{region}", None, ANY, ANY))
    for code, *_ in answer.filter_responses:
        if code:
            raise for_code(code)(f"{region} can't be made to lose its rights")


async def _ask(admin: AIOKafkaAdminClient, request: Any) -> Any:
    return await admin._send_to_controller(request)  # noqa: SLF001 - it has no public way for these
