"""What `waystate dlq` does with a tenant's dead letters, against the database itself: a server may run or not."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar
from uuid import UUID

from waystate import documents
from waystate.cli.operate import operate
from waystate.clock import utc_now
from waystate.config import load_config
from waystate.db.pool import Database
from waystate.dead_letters import replay as deeds
from waystate.dead_letters import store as dead_letter_store
from waystate.dead_letters.bodies import render_letter
from waystate.dead_letters.model import MAX_BULK, Filter
from waystate.dead_letters.replay import Result
from waystate.documents import JsonObject
from waystate.errors import BadRequest, Refused, WaystateError
from waystate.ids import TenantId, parse_tenant_id
from waystate.pipeline.replay import Replays, check_edited
from waystate.principal import OPERATOR
from waystate.tenants import store as tenant_store
from waystate.tenants.routing import Directory
from waystate.vault.sealing import load_vault

R = TypeVar("R")

STEP = 100
"""Ids looked up at a time while everything that matches is worked on."""

Told = Callable[[Sequence[Result]], None]
Started = Callable[[int], None]
"""Told how many there are, before the first."""


def list_letters(
    tenant: str, wanted: Filter, *, status: str | None, before: UUID | None, limit: int
) -> tuple[list[JsonObject], int]:
    """The page, newest first, and how many are open in all."""

    async def run(db: Database, tenant_id: TenantId) -> tuple[list[JsonObject], int]:
        async with db.tenant(tenant_id) as conn:
            rows = await dead_letter_store.list_page(conn, tenant_id, wanted, status=status, before=before, batch=limit)
            return [_rendered(row) for row in rows], await dead_letter_store.count_open(conn, tenant_id)

    return _operate(tenant, run)


def show_letter(tenant: str, letter_id: UUID) -> JsonObject:
    async def run(db: Database, tenant_id: TenantId) -> JsonObject:
        async with db.tenant(tenant_id) as conn:
            return _rendered(await dead_letter_store.get_one(conn, tenant_id, letter_id))

    return _operate(tenant, run)


def edit_letter(tenant: str, letter_id: UUID, *, document: bytes | None, values: Sequence[str]) -> JsonObject:
    """The whole payload as JSON, or single `path=value`s put into what it is now."""

    async def run(db: Database, tenant_id: TenantId) -> JsonObject:
        async with db.tenant(tenant_id) as conn:
            row = await dead_letter_store.get_one(conn, tenant_id, letter_id)
        payload = row["original_payload"] if row["edited_payload"] is None else row["edited_payload"]
        if document is not None:
            payload = read_payload(document)
        edited = with_values(payload, values)
        return _rendered(await deeds.edit(tenant_id, letter_id, edited, OPERATOR, db, utc_now, check=check_edited))

    return _operate(tenant, run)


def replay_letters(tenant: str, chosen: Sequence[UUID] | Filter, *, started: Started, told: Told) -> None:
    config = load_config()
    vault = load_vault(config)

    async def run(db: Database, tenant_id: TenantId) -> None:
        pipelines = Replays(Directory(db, vault), lanes=config.ledger_lanes)

        async def replay(ids: Sequence[UUID]) -> None:
            await deeds.replay_many(tenant_id, ids, OPERATOR, db, utc_now, pipelines=pipelines, told=told)

        await _in_steps(db, tenant_id, chosen, started, replay)

    _operate(tenant, run)


def discard_letters(tenant: str, chosen: Sequence[UUID] | Filter, note: str | None, *, started: Started, told: Told) -> None:
    async def run(db: Database, tenant_id: TenantId) -> None:
        async def discard(ids: Sequence[UUID]) -> None:
            told(await deeds.discard_many(tenant_id, ids, note, OPERATOR, db, utc_now))

        await _in_steps(db, tenant_id, chosen, started, discard)

    _operate(tenant, run)


def read_payload(document: bytes) -> JsonObject:
    try:
        payload = documents.parse(document)
    except documents.Unreadable as error:
        raise BadRequest("payload_unreadable", f"The payload is {error}.") from None
    if not isinstance(payload, dict):
        raise BadRequest("payload_unreadable", "The payload is no JSON object.")
    return payload


def with_values(payload: JsonObject, values: Sequence[str]) -> JsonObject:
    """`path=value`: the path with dots and list indexes, the value as JSON, or as text where it is none."""
    edited: JsonObject = documents.clean(payload)
    for each in values:
        path, is_given, value = each.partition("=")
        if not is_given or not path:
            raise BadRequest("value_unreadable", f"'{each}' is not of the form path=value.")
        *parents, last = path.split(".")
        place: Any = edited
        for name in parents:
            place = place.setdefault(name, {}) if isinstance(place, dict) else place[_index(place, name, path)]
        if isinstance(place, dict):
            place[last] = _value(value)
        else:
            place[_index(place, last, path)] = _value(value)
    return edited


def _index(place: Any, name: str, path: str) -> int:
    if not isinstance(place, list) or not name.isdecimal() or int(name) >= len(place):
        raise BadRequest("value_unreadable", f"There is nothing at '{path}' in the payload.")
    return int(name)


def _value(text: str) -> Any:
    try:
        return documents.parse(text.encode())
    except documents.Unreadable:
        return documents.clean_text(text)


async def _in_steps(
    db: Database,
    tenant_id: TenantId,
    chosen: Sequence[UUID] | Filter,
    started: Started,
    work: Callable[[Sequence[UUID]], Awaitable[None]],
) -> None:
    """Everything that was open when it began: what fails again on the way is not tried for ever."""
    ids = list(chosen) if not isinstance(chosen, Filter) else await _find_all(db, tenant_id, chosen)
    started(len(ids))
    for begin in range(0, len(ids), STEP):
        await work(ids[begin : begin + STEP])


async def _find_all(db: Database, tenant_id: TenantId, wanted: Filter) -> list[UUID]:
    found: list[UUID] = []
    while True:
        async with db.tenant(tenant_id) as conn:
            page = await dead_letter_store.find_open(
                conn, tenant_id, wanted, after=found[-1] if found else None, batch=MAX_BULK
            )
        found += page
        if len(page) < MAX_BULK:
            return found


def _operate(tenant: str, work: Callable[[Database, TenantId], Awaitable[R]]) -> R:
    tenant_id = parse_tenant_id(tenant)

    async def run(db: Database) -> R:
        async with db.work() as conn:
            await tenant_store.get(conn, tenant_id)  # a mistyped name would look like a tenant without dead letters
        return await work(db, tenant_id)

    try:
        return operate(run)
    except Refused as error:
        raise WaystateError(" ".join([str(error), *_fields(error)])) from error


def _fields(error: Refused) -> list[str]:
    return [f"\n    {each['field']}: {each['problem']}" for each in error.extra.get("errors", [])]


def _rendered(row: dict[str, Any]) -> JsonObject:
    rendered: JsonObject = render_letter(row).model_dump(mode="json")
    return rendered
