"""What `waystate dlq` does with a tenant's dead letters, against the database itself: a server may run or not."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar
from uuid import UUID

from waystate import documents
from waystate.cli.operate import open_vault, operate
from waystate.cli.printing import counted
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
from waystate.pipeline.replay import Replays, check_edited, fields_of
from waystate.principal import OPERATOR
from waystate.tenants import store as tenant_store
from waystate.tenants.routing import Directory

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
        edited = with_values(payload, values, fields_of(row))
        return _rendered(await deeds.edit(tenant_id, letter_id, edited, OPERATOR, db, utc_now, check=check_edited))

    return _operate(tenant, run)


def replay_letters(tenant: str, chosen: Sequence[UUID] | Filter, *, started: Started, told: Told) -> None:
    config = load_config()
    vault = open_vault(config)

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


def with_values(payload: JsonObject, values: Sequence[str], fields: Mapping[str, bool] | None = None) -> JsonObject:
    """`path=value`: the path with dots and list indexes, the value as JSON, or as text where it is none.

    A path is one of the payload, or begins with one of the `fields` that it may have, each with whether it is a text. What is a
    text stays one: digits need no quotes.
    """
    fields = fields or {}
    edited: JsonObject = documents.clean(payload)
    for each in values:
        path, is_given, value = each.partition("=")
        if not is_given or not path:
            raise BadRequest("value_unreadable", f"'{each}' is not of the form path=value.")
        *parents, last = path.split(".")
        place: Any = edited
        for depth, name in enumerate(parents):
            key = _key(place, name, path, () if depth else fields)
            if isinstance(place, dict) and place.get(key) is None:
                place[key] = {}
            place = place[key]
        key = _key(place, last, path, () if parents else fields)
        before = place.get(key) if isinstance(place, dict) else place[key]
        is_text = isinstance(before, str) or (before is None and not parents and fields.get(last, False))
        place[key] = _value(value, is_text=is_text)
    return edited


def _key(place: Any, name: str, path: str, fields: Collection[str]) -> Any:
    """Of an object a name that it has or may have (any while it is empty), of a list an index."""
    if isinstance(place, dict) and (name in place or name in fields or not (place or fields)):
        return name
    if isinstance(place, list) and name.isdecimal() and int(name) < len(place):
        return int(name)
    match place:
        case dict():
            there = f"there are {', '.join(sorted({*place, *fields}))}"
        case list():
            there = f"there is a list of {counted(len(place), 'value')}, the first at 0"
        case _:
            there = "there is a single value"
    raise BadRequest("unknown_path", f"There is nothing at '{path}' in the payload: where it says '{name}', {there}.")


def _value(text: str, *, is_text: bool) -> Any:
    try:
        value = documents.parse(text.encode())
    except documents.Unreadable:
        return documents.clean_text(text)
    return documents.clean_text(text) if is_text and isinstance(value, bool | int | float) else value


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
