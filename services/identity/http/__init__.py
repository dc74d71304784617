"""The HTTP edge: translates, calls one use case, answers."""

from fastapi import FastAPI

from services.identity.http import account, invitations, joining, sessions


def install(app: FastAPI) -> None:
    """All routes of identity."""
    for router in (joining.router, sessions.router, account.router, account.receipts, invitations.router):
        app.include_router(router)
