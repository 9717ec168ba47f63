"""The last look at where a message goes: a phone may have become another customer's while the message waited."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from waystate.channels.whatsapp.render import readdressed
from waystate.contacts import store as contact_store
from waystate.conversations import store as conversation_store
from waystate.db.pool import Connection
from waystate.deliveries import store as delivery_store
from waystate.deliveries.model import Claimed
from waystate.documents import JsonObject
from waystate.errors import Reason
from waystate.ids import TenantId

RECIPIENT_MOVED: JsonObject = {
    "code": Reason.RECIPIENT_MOVED,
    "title": "The number it was addressed to is another customer's by now, and nothing else leads to the one it is for; wait "
    "until they write again.",
}


async def claim(
    conn: Connection,
    tenant: TenantId,
    *,
    epochs: Mapping[int, int],
    paused_accounts: Sequence[str],
    holder: str,
    now: datetime,
    batch: int,
    rooms: Mapping[str, int] | None = None,
    payers: Mapping[str, str] | None = None,
    passed: Collection[str] = (),
    widen: bool = True,
    is_idle: bool = False,
) -> list[Claimed]:
    """What `claim_heads` of the deliveries' store claims, addressed to whom it is for; `is_astray` is what leads to nobody."""
    claimed = await delivery_store.claim_heads(
        conn,
        tenant,
        epochs=epochs,
        paused_accounts=paused_accounts,
        holder=holder,
        now=now,
        batch=batch,
        rooms=rooms,
        payers=payers,
        passed=passed,
        widen=widen,
        is_idle=is_idle,
    )
    astray = [each for each in claimed if each.is_astray]
    if not astray:
        return claimed
    mended = {(each.event_id, each.target): each for each in await _mended(conn, tenant, astray)}
    return [mended.get((each.event_id, each.target), each) for each in claimed]


async def _mended(conn: Connection, tenant: TenantId, astray: Sequence[Claimed]) -> list[Claimed]:
    found = await conversation_store.find_many(conn, tenant, [str(each.conversation_id) for each in astray])
    recipients = await contact_store.find_recipients(conn, tenant, {each.contact_id for each in found if each is not None})
    mended: list[Claimed] = []
    for each, conversation in zip(astray, found, strict=True):
        recipient = None if conversation is None else recipients.get(conversation.contact_id)
        if conversation is None or recipient is None:
            continue
        address = recipient.find_address(conversation.wa_id, conversation.user_id)
        if address is not None:
            request = readdressed(each.request, wa_id=address.wa_id, user_id=address.user_id)
            mended.append(replace(each, request=request, is_astray=False))
    if mended:
        await delivery_store.readdress_many(conn, tenant, mended)
    return mended
