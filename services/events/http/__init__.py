"""Events' routes: each translates, makes one call, and is done."""

from fastapi import APIRouter

from services.events.http import answers, arrivals, communities, gatherings, own

router = APIRouter()
for part in (communities, gatherings, answers, arrivals, own):
    router.include_router(part.router)
