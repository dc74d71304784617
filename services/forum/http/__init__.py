"""The forum's routes. Each translates, makes one call, and is done."""

from services.forum.http import own, posts, profiles, threads

routers = (profiles.router, threads.router, posts.router, own.router)
