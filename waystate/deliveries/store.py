"""Deliveries and their attempts in PostgreSQL."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from waystate.channels.model import Outcome
from waystate.db.pool import Connection, load_queries
from waystate.deliveries.model import (
    PATIENCE,
    YIELDING,
    Claimed,
    Delivery,
    Finished,
    OpenOffer,
    State,
    Target,
    WaitingRequests,
)
from waystate.documents import JsonObject, dump
from waystate.ids import TenantId

_queries = load_queries(__file__)

_WINDOW, _WIDER, _CROWD = 1000, 8, 50
"""Unfinished deliveries that a claim looks at first, how many times more when these were not enough, and how many of one
customer among them make it look behind that one."""


async def insert_many(conn: Connection, tenant: TenantId, deliveries: Sequence[Delivery]) -> None:
    await _queries.insert_many(
        conn,
        tenant_id=tenant,
        event_ids=[each.event_id for each in deliveries],
        targets=[each.target for each in deliveries],
        message_ids=[each.message_id for each in deliveries],
        conversation_ids=[each.conversation_id for each in deliveries],
        accounts=[each.account for each in deliveries],
        lanes=[each.lane for each in deliveries],
        order_keys=[each.order_key for each in deliveries],
        positions=[each.position for each in deliveries],
        created_at=[each.created_at for each in deliveries],
        due_at=[each.due_at for each in deliveries],
        requests=[dump(each.request) for each in deliveries],
        yields=[each.target in YIELDING for each in deliveries],
    )


async def list_missing(
    conn: Connection,
    tenant: TenantId,
    *,
    after: int,
    until: int,
    to_whatsapp: Sequence[str],
    to_genesys: Sequence[str],
    batch: int,
) -> list[dict[str, Any]]:
    """Events (`id`, `position`, `type`, `data`) of these numbers without a delivery, from behind `after` up to `until`."""
    rows = await _queries.list_missing(
        conn,
        tenant_id=tenant,
        after=after,
        until=until,
        to_whatsapp=to_whatsapp,
        to_genesys=to_genesys,
        batch=batch,
    )
    return [dict(row) for row in rows]


async def claim_heads(
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
    """The next delivery of each customer that is due, its attempt begun; commit before making the call.

    `epochs`: the lanes to claim from, each with the epoch of its lease.
    `rooms`: at most so many of these payers; who pays for an account stands in `payers`, else it pays for itself.
    `passed`: not of the customers of these order keys.
    `widen`: look through the whole backlog when the oldest are of customers who wait, which takes as long as the backlog is;
    `is_idle`: also if nothing is found among the oldest.
    """
    claimed: list[Claimed] = []
    window, left, paused, crowd = _WINDOW, Counter(rooms or {}), list(paused_accounts), list[str]()
    payer_of = {each: each for each in left} | dict(payers or {})
    while True:
        rows = await _queries.claim_heads(
            conn,
            tenant_id=tenant,
            lanes=list(epochs),
            epochs=list(epochs.values()),
            paused_accounts=paused,
            passed=[*passed, *crowd],
            accounts=list(payer_of),
            payers=list(payer_of.values()),
            rooms=[left.get(each) for each in payer_of.values()],
            patience=PATIENCE,
            holder=holder,
            now=now,
            batch=batch - len(claimed),
            window=window,
            crowd=_CROWD,
        )
        found = [_claimed(row, epochs) for row in rows if row["event_id"] is not None]
        claimed += found
        widen = widen or (is_idle and not claimed)
        if len(claimed) == batch or rows[0]["seen"] < window:
            return claimed
        left.subtract(payer for each in found if (payer := payer_of.get(each.account, each.account)) in left)
        # What has no room any more need not be looked through.
        paused = [*paused_accounts, *(account for account, payer in payer_of.items() if payer in left and left[payer] <= 0)]
        if rows[0]["crowd"] and not crowd and (not left or any(room > 0 for room in left.values())):
            # Once behind the few customers who fill the window, since more could leave.
            crowd = rows[0]["crowd"]
        elif widen:
            window *= _WIDER
        else:
            return claimed


async def list_unfinished_accounts(conn: Connection, tenant: TenantId) -> list[tuple[str, bool]]:
    """The accounts that something waits or is under way for, each with whether it is a WhatsApp number."""
    return [(row["account"], row["to_whatsapp"]) for row in await _queries.list_unfinished_accounts(conn, tenant_id=tenant)]


async def change_lanes(conn: Connection, tenant: TenantId, lanes: Mapping[tuple[str, bool], int]) -> int:
    """Unfinished deliveries of these accounts (`list_unfinished_accounts`), each into its lane; how many were in another."""
    changed = await _queries.change_lanes(
        conn,
        tenant_id=tenant,
        accounts=[account for account, _ in lanes],
        to_whatsapp=[to_whatsapp for _, to_whatsapp in lanes],
        lanes=list(lanes.values()),
    )
    return int(changed)


async def readdress_many(conn: Connection, tenant: TenantId, claimed: Sequence[Claimed]) -> None:
    """Keep their requests as they are now: what is tried again goes there too."""
    await _queries.readdress_many(
        conn,
        tenant_id=tenant,
        event_ids=[each.event_id for each in claimed],
        targets=[each.target for each in claimed],
        attempts=[each.attempt for each in claimed],
        requests=[dump(each.request) for each in claimed],
    )


async def put_back_many(conn: Connection, tenant: TenantId, claimed: Sequence[Claimed], until: datetime) -> None:
    """In the transaction that claimed them: as if they had not been, and due again then."""
    await _queries.put_back_many(
        conn,
        tenant_id=tenant,
        event_ids=[each.event_id for each in claimed],
        targets=[each.target for each in claimed],
        attempts=[each.attempt for each in claimed],
        until=until,
    )


async def park_all(conn: Connection, tenant: TenantId, account: str, media_id: UUID, *, now: datetime, until: datetime) -> None:
    """What would leave by this number now and shows the file is due then."""
    await _queries.park_all(conn, tenant_id=tenant, account=account, media_id=str(media_id), now=now, until=until)


async def hasten_all(conn: Connection, tenant: TenantId, account: str, media_id: UUID, now: datetime) -> None:
    """What is to leave by this number and shows the file is due now, unless it waits for another reason."""
    await _queries.hasten_all(conn, tenant_id=tenant, account=account, media_id=str(media_id), now=now)


async def finish_many(conn: Connection, tenant: TenantId, finished: Sequence[Finished]) -> None:
    await _queries.finish_many(
        conn,
        tenant_id=tenant,
        event_ids=[each.claimed.event_id for each in finished],
        targets=[each.claimed.target for each in finished],
        attempts=[each.claimed.attempt for each in finished],
        states=[each.state for each in finished],
        ended_at=[each.ended_at for each in finished],
        next_attempt_at=[each.next_attempt_at for each in finished],
        hold_until=[each.hold_until for each in finished],
        external_ids=[each.result.external_id for each in finished],
        outcomes=[_outcome(each) for each in finished],
        http_statuses=[each.result.http_status for each in finished],
        errors=[None if each.result.error is None else dump(each.result.error) for each in finished],
    )


async def find_current(conn: Connection, tenant: TenantId, claimed: Sequence[Claimed]) -> set[tuple[UUID, str]]:
    """(event, target) of those attempts that are still theirs who claimed them."""
    rows = await _queries.find_current(
        conn,
        tenant_id=tenant,
        event_ids=[each.event_id for each in claimed],
        targets=[each.target for each in claimed],
        attempts=[each.attempt for each in claimed],
    )
    return {(row["event_id"], row["target"]) for row in rows}


async def find_unsettled(
    conn: Connection,
    tenant: TenantId,
    state: State,
    *,
    lanes: Sequence[int] | None = None,
    due_at: datetime | None = None,
    in_hand: Sequence[UUID] = (),
) -> list[UUID]:
    """The conversations whose deliveries `recover_interrupted` (`sending`) or `give_up_unknown` (`unknown`) would change."""
    rows = await _queries.find_unsettled(conn, tenant_id=tenant, state=state, lanes=lanes, due_at=due_at, in_hand=in_hand)
    return [row["conversation_id"] for row in rows]


async def recover_interrupted(
    conn: Connection,
    tenant: TenantId,
    lanes: Sequence[int],
    *,
    now: datetime,
    hold_until: datetime,
    unknown_until: datetime,
    in_hand: Sequence[UUID] = (),
    begun_by: datetime | None = None,
) -> list[UUID]:
    """Take over what another holder had under way; the messages whose send is `unknown` now.

    Not the events `in_hand`, whose calls are this process's own, nor attempts begun after `begun_by` (now).
    """
    rows = await _queries.recover_interrupted(
        conn,
        tenant_id=tenant,
        lanes=lanes,
        now=now,
        hold_until=hold_until,
        unknown_until=unknown_until,
        in_hand=in_hand,
        begun_by=begun_by or now,
    )
    return [row["message_id"] for row in rows if row["target"] == Target.WHATSAPP]


async def settle_arrived(conn: Connection, tenant: TenantId, wamids: Mapping[UUID, str | None], now: datetime) -> list[UUID]:
    """Message id → wamid of a status that came: their sends did arrive, and none is made again."""
    rows = await _queries.settle_arrived(
        conn, tenant_id=tenant, message_ids=list(wamids), wamids=list(wamids.values()), now=now
    )
    return [row["message_id"] for row in rows]


async def cancel_many(
    conn: Connection, tenant: TenantId, message_ids: Sequence[UUID], now: datetime, *, error: JsonObject
) -> set[UUID]:
    """What waits for WhatsApp of these messages is not sent any more; the messages of which something may have left."""
    rows = await _queries.cancel_many(conn, tenant_id=tenant, message_ids=list(message_ids), now=now, error=error)
    return {row["message_id"] for row in rows}


async def rehome(conn: Connection, tenant: TenantId, homes: Mapping[UUID, UUID]) -> None:
    """`homes`: message → the conversation that it went to."""
    await _queries.rehome(conn, tenant_id=tenant, message_ids=list(homes), conversation_ids=list(homes.values()))


async def reorder(conn: Connection, tenant: TenantId, contact_ids: Collection[UUID]) -> None:
    """Whose conversations are another contact's by now: what waits for them joins that one's order, in its place.

    The relay's alone, where it meets the event: done before, what it has still to plan of earlier events would stand in another
    order, and be overtaken.
    """
    await _queries.reorder(conn, tenant_id=tenant, contacts=[str(each) for each in contact_ids])


async def list_behind(conn: Connection, tenant: TenantId, order_keys: Sequence[str]) -> dict[UUID, str]:
    """Message → type of what waits to leave in these orders, in its order; templates apart."""
    rows = await _queries.list_behind(conn, tenant_id=tenant, order_keys=list(order_keys))
    return {row["message_id"]: row["type"] for row in rows}


async def end_unknown(conn: Connection, tenant: TenantId, message_ids: Sequence[UUID], now: datetime) -> None:
    """Their sends of which nobody knows are over: no answer that comes late makes one again."""
    await _queries.end_unknown(conn, tenant_id=tenant, message_ids=message_ids, now=now)


async def give_up_unknown(conn: Connection, tenant: TenantId, now: datetime) -> list[UUID]:
    return [row["message_id"] for row in await _queries.give_up_unknown(conn, tenant_id=tenant, now=now)]


async def find_of_messages(conn: Connection, tenant: TenantId, message_ids: Sequence[UUID]) -> list[dict[str, Any]]:
    return [dict(row) for row in await _queries.find_of_messages(conn, tenant_id=tenant, message_ids=message_ids)]


async def list_of_message(conn: Connection, tenant: TenantId, message_id: UUID) -> list[dict[str, Any]]:
    """Each delivery with its `attempts_made`, in order."""
    rows = [dict(row) for row in await _queries.list_of_message(conn, tenant_id=tenant, message_id=message_id)]
    attempts = await _queries.list_attempts(conn, tenant_id=tenant, event_ids=[row["event_id"] for row in rows])
    for row in rows:
        row["attempts_made"] = [
            dict(each) for each in attempts if (each["event_id"], each["target"]) == (row["event_id"], row["target"])
        ]
    return rows


async def attach_many(conn: Connection, tenant: TenantId, contents: Mapping[UUID, list[JsonObject]]) -> set[UUID]:
    """Message → `content` that its delivery to Genesys is to have, which nobody has begun; the messages that have it now."""
    rows = await _queries.attach_many(
        conn, tenant_id=tenant, message_ids=list(contents), contents=[dump(each) for each in contents.values()]
    )
    return {row["message_id"] for row in rows}


async def end_wait(conn: Connection, tenant: TenantId, message_ids: Sequence[UUID]) -> None:
    """Their deliveries to Genesys that wait for a file are due."""
    await _queries.end_wait(conn, tenant_id=tenant, message_ids=list(message_ids))


async def list_without_file(conn: Connection, tenant: TenantId, message_ids: Sequence[UUID]) -> set[UUID]:
    """Those that Genesys gets, or got, without their file."""
    rows = await _queries.list_without_file(conn, tenant_id=tenant, message_ids=list(message_ids))
    return {row["message_id"] for row in rows}


async def find_looked_up(conn: Connection, tenant: TenantId, conversation_ids: Sequence[UUID]) -> set[UUID]:
    """Those of the conversations of which a look-up at Genesys waits, or is under way."""
    rows = await _queries.find_looked_up(conn, tenant_id=tenant, order_keys=[f"l:{each}" for each in conversation_ids])
    return {row["conversation_id"] for row in rows}


async def replace_receipts(conn: Connection, tenant: TenantId, receipts: Sequence[Delivery]) -> set[UUID]:
    """Receipts that wait say what these say, in their old place; the messages of those that did wait."""
    rows = await _queries.replace_receipts(
        conn,
        tenant_id=tenant,
        message_ids=[each.message_id for each in receipts],
        accounts=[each.account for each in receipts],
        requests=[dump(each.request) for each in receipts],
    )
    return {row["message_id"] for row in rows}


async def list_waiting_for_genesys(conn: Connection, tenant: TenantId) -> list[WaitingRequests]:
    """What waits, or is under way, by integration and target."""
    rows = await _queries.list_waiting_for_genesys(conn, tenant_id=tenant)
    return [_waiting(row) for row in rows]


async def list_all_waiting_for_genesys(conn: Connection) -> list[WaitingRequests]:
    """The same of all tenants; for the work role."""
    return [_waiting(row) for row in await _queries.list_all_waiting_for_genesys(conn)]


async def find_at_genesys(conn: Connection, tenant: TenantId, external_ids: Sequence[str]) -> dict[str, UUID]:
    """Genesys' id → the customer's message that it knows by this id."""
    rows = await _queries.find_at_genesys(conn, tenant_id=tenant, external_ids=external_ids)
    return {row["external_id"]: row["message_id"] for row in rows}


def _waiting(row: Any) -> WaitingRequests:
    return WaitingRequests(row["tenant_id"], row["account"], Target(row["target"]), row["items"], row["oldest"])


async def lock_offers(conn: Connection, tenant: TenantId, conversation_ids: Collection[UUID]) -> dict[UUID, OpenOffer]:
    """By conversation what waits for its customer's answer; of seldom any."""
    rows = await _queries.lock_offers(conn, tenant_id=tenant, conversation_ids=list(conversation_ids))
    return {row["conversation_id"]: OpenOffer(**row) for row in rows}


async def note_offers(conn: Connection, tenant: TenantId, offers: Collection[OpenOffer]) -> None:
    """The newest of each conversation is kept."""
    if offers:
        await _queries.note_offers(
            conn,
            tenant_id=tenant,
            conversation_ids=[each.conversation_id for each in offers],
            message_ids=[each.message_id for each in offers],
            are_numbered=[each.is_numbered for each in offers],
            at=[each.at for each in offers],
        )


async def drop_offers(conn: Connection, tenant: TenantId, conversation_ids: Collection[UUID]) -> None:
    if conversation_ids:
        await _queries.drop_offers(conn, tenant_id=tenant, conversation_ids=list(conversation_ids))


def _claimed(row: Any, epochs: Mapping[int, int]) -> Claimed:
    return Claimed(
        event_id=row["event_id"],
        target=Target(row["target"]),
        message_id=row["message_id"],
        conversation_id=row["conversation_id"],
        account=row["account"],
        lane=row["lane"],
        epoch=epochs[row["lane"]],
        attempt=row["attempt"],
        created_at=row["created_at"],
        request=row["request"],
        phone_number_id=row["phone_number_id"],
        order_key=row["order_key"],
        is_astray=row["is_astray"],
        is_outside_window=row["is_outside_window"],
        is_needless=row["is_needless"],
    )


def _outcome(finished: Finished) -> Outcome:
    return finished.result.outcome


async def find_on_their_way(conn: Connection, tenant: TenantId, conversation_ids: Sequence[UUID]) -> set[UUID]:
    """Those conversations of which a customer's message has not reached Genesys yet."""
    rows = await _queries.find_on_their_way(conn, tenant_id=tenant, conversation_ids=list(conversation_ids))
    return {row["conversation_id"] for row in rows}
