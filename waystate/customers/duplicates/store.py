"""By what customers are alike, in PostgreSQL: kept by the sink that keeps their index."""

from collections.abc import Collection, Iterable
from typing import Any
from uuid import UUID

from waystate.customers import store as customer_store
from waystate.customers.duplicates.model import SHOWN, AlikeGroup, Key, Likeness, after, changed, group_of, keys_of
from waystate.db.pool import Connection, load_queries
from waystate.ids import TenantId

_queries = load_queries(__file__)

_ROUNDS = 5
"""Looks for a page: where what is found is shown by something surer, the page is short and goes on behind it."""


async def compare_many(conn: Connection, tenant: TenantId, ids: Collection[UUID]) -> None:
    """Write down by what these contacts may be somebody else too. Of one tenant one at a time does."""
    if not ids:
        return
    profiles = await customer_store.find_many(conn, tenant, sorted(ids))
    now = [(each.id, key) for each in profiles for key in keys_of(each)]
    gone, new = changed(await _list_keys(conn, tenant, ids), now)
    if gone:
        await _queries.drop_many(conn, tenant_id=tenant, **_columns(gone))
    if new:
        await _queries.add_many(conn, tenant_id=tenant, **_columns(new))
    touched = sorted({key for _, key in (*gone, *now)})
    await _queries.mark_shared(
        conn, tenant_id=tenant, kinds=[each.kind for each in touched], values=[each.value for each in touched]
    )


async def list_groups(
    conn: Connection, tenant: TenantId, kinds: Collection[Likeness], *, behind: Key, batch: int
) -> tuple[list[AlikeGroup], Key | None]:
    """The next groups of customers that may be one, and behind what to go on; None: there are no more."""
    groups: list[AlikeGroup] = []
    for kind in after(behind.kind):
        place = behind.value if kind is behind.kind else ""
        rounds = _ROUNDS if kind in kinds else 0
        while rounds:
            rows = await _queries.list_shared(conn, tenant_id=tenant, kind=kind, after=place, members=SHOWN + 1, batch=batch)
            keys: dict[UUID, set[Key]] = {each: set() for row in rows for each in row["contacts"]}
            for contact, key in await _list_keys(conn, tenant, keys):
                keys[contact].add(key)
            for row in rows:
                place = row["value"]
                if (group := group_of(Key(kind, place), row["contacts"], keys)) is not None:
                    groups.append(group)
                if len(groups) == batch:
                    return groups, Key(kind, place)
            rounds = rounds - 1 if len(rows) == batch else 0
            if len(rows) == batch and not rounds:
                return groups, Key(kind, place)
    return groups, None


async def _list_keys(conn: Connection, tenant: TenantId, ids: Iterable[UUID]) -> list[tuple[UUID, Key]]:
    rows = await _queries.list_keys(conn, tenant_id=tenant, contact_ids=list(ids))
    return [(row["contact_id"], Key(Likeness(row["kind"]), row["value"])) for row in rows]


def _columns(pairs: Iterable[tuple[UUID, Key]]) -> dict[str, list[Any]]:
    ordered = sorted(pairs)
    return {
        "contact_ids": [contact for contact, _ in ordered],
        "kinds": [key.kind for _, key in ordered],
        "values": [key.value for _, key in ordered],
    }
