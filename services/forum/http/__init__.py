"""The forum's routes. Each translates, makes one call, and is done."""

from services.forum.http import erasures, own, posts, profiles, reports, sanctions, threads

routers = (
    profiles.router, threads.router, posts.router, reports.router, sanctions.router, own.router, erasures.router,
)  # fmt: skip
