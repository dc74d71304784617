"""The forum's routes. Each translates, makes one call, and is done."""

from services.forum.http import posts, profiles, reading, threads

ROUTERS = (profiles.router, threads.router, posts.router, reading.router)
