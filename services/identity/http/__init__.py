"""The HTTP edge: translates, calls one use case, answers."""

from fastapi import APIRouter

from services.identity.http import account, invitations, joining, sessions

router = APIRouter()
for part in (joining.router, sessions.router, account.router, account.receipts, invitations.router):
    router.include_router(part)
