"""Events' routes: each translates, makes one call, and is done."""

from fastapi import FastAPI

from services.events.http import answers, arrivals, communities, gatherings, own


def install(app: FastAPI) -> None:
    """Give `app` all routes of this service."""
    for part in (communities, gatherings, answers, arrivals, own):
        app.include_router(part.router)
