"""What can come back instead of an answer.

ServiceError
├── Refused    the service understood and said no (a problem document, 4xx)
├── Away       the service can't answer now (no connection, too slow, 5xx)
└── SignedOut  the session is over
FormRefused    the form can't be trusted to come from our own page
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldFault:
    """What is wrong with one field of a form: `problem` is the validation's name for it."""

    field: str
    problem: str
    limit: int | None = None  # letters, or the number that may not be passed


class ServiceError(Exception):
    """A call of a service that gave no answer to show."""


class Refused(ServiceError):
    """A 4xx of a service. `type` is the problem's stable slug; `detail` is English and for developers."""

    def __init__(
        self,
        status: int,
        slug: str,
        detail: str = "",
        retry_after: int | None = None,
        fields: tuple[FieldFault, ...] = (),
    ) -> None:
        super().__init__(f"{status} {slug}")
        self.status = status
        self.type = slug
        self.detail = detail
        self.retry_after = retry_after  # seconds
        self.fields = fields


class Away(ServiceError):
    """No usable answer from `service`; whether a write took effect is unknown, its key makes repeating safe."""

    def __init__(self, service: str) -> None:
        super().__init__(service)
        self.service = service


class SignedOut(ServiceError):
    """Signed out here or elsewhere, or the session ran out."""


class FormRefused(Exception):
    """Posted from another site, or with a form token of another session."""
