"""Whether a process is alive and ready, for whoever restarts it or sends it requests."""

from fastapi import FastAPI
from fastapi.responses import JSONResponse

from shared.bus.bus import Bus


def install(app: FastAPI, bus: Bus) -> None:
    """`/health/live` (by the consumers' progress) and `/health/ready` of `app`: 200 or 503."""

    @app.get("/health/live", include_in_schema=False)
    async def live() -> JSONResponse:
        is_live = bus.health().live
        return JSONResponse({"live": is_live}, 200 if is_live else 503)

    @app.get("/health/ready", include_in_schema=False)
    async def ready() -> JSONResponse:
        is_ready = bus.health().ready
        return JSONResponse({"ready": is_ready}, 200 if is_ready else 503)
