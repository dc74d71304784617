"""What operators ask a running region's services: health and metrics, on a port of this machine alone.

The gateway passes none of it on: `/forum/metrics`, `/web/health/live`.
"""

import re

from starlette.types import Receive, Scope, Send

from deploy.gateway.router import Gateway
from shared.api.problems import problem_response

_ASKED = re.compile(r"^/([a-z]+)(/metrics|/health/live|/health/ready)$")


class Operators:
    """The services that have started, by name."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the question to the service; anything else isn't there."""
        match = _ASKED.match(scope["path"]) if scope["type"] == "http" else None
        app = match and {**self._gateway.services, "web": self._gateway.web}.get(match[1])
        if match is None or app is None:
            await problem_response(404, "not-found", "There is nothing here.")(scope, receive, send)
            return
        path = match[2]
        await app({**scope, "path": path, "raw_path": path.encode(), "state": {}}, receive, send)
