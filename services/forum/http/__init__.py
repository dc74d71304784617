"""The forum's routes. Each translates, makes one call, and is done."""

from fastapi import APIRouter

from services.forum.http import own, posts, profiles, threads

router = APIRouter()
for part in (profiles, threads, posts, own):
    router.include_router(part.router)
