"""The one door of a region: an ASGI router when embedded; nginx or Gateway API routes stand there elsewhere."""
