"""Me: one's own account."""

from fastapi import APIRouter, Depends

from services.identity import queries
from services.identity.http.service import Account, Confirming, Here, not_stored
from services.identity.schemas import (
    AccountData,
    Confirmation,
    ErasureProgress,
    Me,
    PassphraseChange,
    Receipt,
    ReceiptCode,
    ResearchChoice,
    ToldService,
)
from services.identity.switchboard import erasure
from services.identity.use_cases.account import decide_on_research, export, leave
from services.identity.use_cases.credentials import change_passphrase
from shared.api.transactions import Session

router = APIRouter(prefix="/me", tags=["me"], dependencies=[Depends(not_stored)])
receipts = APIRouter(prefix="/receipts", tags=["me"], dependencies=[Depends(not_stored)])


@router.get("")
async def read_me(session: Session, account: Account, here: Here) -> Me:
    """Role, communities, and what was said yes to."""
    accepted = await queries.accepted_versions(session, account.id)
    communities = await queries.community_names(session, account.community_ids)
    return Me.model_validate(
        {
            "role": account.role,
            "communities": [{"id": community.id, "name": community.name} for community in communities],
            "display_name": account.display_name(here.keys),
            "research": account.research,
            "research_asked_again": await queries.is_asked_again_about_research(session, account),
            "consent_version": accepted["participation"],
            "agreement_version": accepted["agreement"],
        }
    )


@router.put("/research", status_code=204)
async def choose_about_research(body: ResearchChoice, session: Session, account: Account) -> None:
    """Consent to research, or withdraw it: withdrawing deletes what studies have of this person."""
    await decide_on_research(session, account, consent=body.consent, language=body.language)


@router.put("/passphrase", status_code=204)
async def choose_passphrase(body: PassphraseChange, caller: Confirming, session: Session, here: Here) -> None:
    """Another passphrase. Signs out everywhere, here too."""
    passphrases = here.authentication.passphrases
    passphrases.check(body.new_passphrase, "")
    checked = await here.authentication.confirm(caller.alias, body.passphrase)
    with passphrases.place():
        verifier = await passphrases.hash(body.new_passphrase)
    await change_passphrase(session, checked, verifier)


@router.post("/export")
async def export_account(session: Session, account: Account) -> AccountData:
    """What identity keeps about this account. Forum and cafés give their part themselves."""
    return AccountData.model_validate(await export(session, account))


@router.post("/erasure", status_code=202)
async def erase_account(body: Confirmation, caller: Confirming, session: Session, here: Here) -> Receipt:
    """Leave: erases the account now and, within seven days, all that the services have. Can't be undone."""
    checked = await here.authentication.confirm(caller.alias, body.passphrase)
    return Receipt(receipt=await leave(session, checked))


@receipts.post("/look")
async def look_at_receipt(body: ReceiptCode, session: Session) -> ErasureProgress:
    """How far an erasure has come, by its receipt code; for 90 days, without signing in."""
    told = await erasure.told(session, body.receipt)
    services = [ToldService(service=one.audience, told_on=one.on, erasure_id=one.erasure_id) for one in told]
    return ErasureProgress(services=services)
