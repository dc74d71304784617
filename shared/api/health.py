"""Whether a process is alive and ready, for whoever restarts it or sends it requests."""

from fastapi import FastAPI
from fastapi.responses import JSONResponse

from shared.bus.bus import Bus


def install(app: FastAPI, bus: Bus) -> None:
    """`/health/live` (by the consumers' progress) and `/health/ready` of `app`: 200 or 503.

    Ready also says which consumer groups fail; never how much waits for each, which would tell at each request whether
    somebody just acted (decision 9: `/metrics` cuts it). `bus` stands in `app.state.bus` from now on.
    """
    app.state.bus = bus

    @app.get("/health/live", include_in_schema=False)
    async def live() -> JSONResponse:
        is_live = bus.health().live
        return JSONResponse({"live": is_live}, 200 if is_live else 503)

    @app.get("/health/ready", include_in_schema=False)
    async def ready() -> JSONResponse:
        health = bus.health()
        return JSONResponse({"ready": health.ready, "failing": health.failing}, 200 if health.ready else 503)
