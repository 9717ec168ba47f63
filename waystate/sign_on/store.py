"""Identity providers in PostgreSQL, and the people who come through them.

Whatever touches people runs in a transaction of role `waystate_work` with `app.tenant_id` set.
"""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from asyncpg import Record

from waystate.db.pool import Connection, load_queries
from waystate.errors import Retry
from waystate.ids import TenantId, new_id
from waystate.principal import Role
from waystate.sign_on.model import (
    Admission,
    IdentityProvider,
    ProvenIdentity,
    ProviderSettings,
    Standing,
    decide_entry,
    read_provider_settings,
)
from waystate.vault.sealing import Vault, aad

_queries = load_queries(__file__)
_TRIES = 3


class Stored(NamedTuple):
    """`is_open`: the tenant is not suspended."""

    provider: IdentityProvider
    created_at: datetime
    is_open: bool


async def find(conn: Connection, vault: Vault, tenant_id: TenantId) -> Stored | None:
    row = await _queries.find_provider(conn, tenant_id=tenant_id)
    if row is None:
        return None
    # A row was checked when it was written; a rule that came later must not take a running tenant down.
    provider = IdentityProvider.model_construct(
        issuer=row["issuer"],
        client_id=row["client_id"],
        client_secret=vault.open(row["client_secret"], aad=_aad(tenant_id)),
        settings=read_provider_settings(row["settings"]),
    )
    return Stored(provider, row["created_at"], row["tenant_status"] == "active")


async def upsert(conn: Connection, vault: Vault, tenant_id: TenantId, provider: IdentityProvider, now: datetime) -> None:
    """People are known to a provider by a name of its own, so another one knows them by their e-mail addresses at first."""
    before = await _queries.lock_provider(conn, tenant_id=tenant_id)
    if before is None or (before["issuer"], before["client_id"]) != (provider.issuer, provider.client_id):
        await _queries.unlink_members(conn, tenant_id=tenant_id)
    await _queries.upsert_provider(
        conn,
        tenant_id=tenant_id,
        issuer=provider.issuer,
        client_id=provider.client_id,
        client_secret=vault.seal(provider.client_secret, aad=_aad(tenant_id)),
        settings=provider.settings.model_dump(mode="json", exclude_unset=True),
        now=now,
    )


async def remove(conn: Connection, tenant_id: TenantId) -> str | None:
    """The issuer, if there was one. Members stay, and log in with their passwords."""
    removed = await _queries.remove_provider(conn, tenant_id=tenant_id)
    if removed is None:
        return None
    await _queries.unlink_members(conn, tenant_id=tenant_id)
    issuer: str = removed["issuer"]
    return issuer


async def find_locked_settings(conn: Connection, tenant_id: TenantId, issuer: str, client_id: str) -> ProviderSettings | None:
    """None if the tenant's provider is another one, or gone."""
    row = await _queries.lock_provider(conn, tenant_id=tenant_id)
    if row is None or (row["issuer"], row["client_id"]) != (issuer, client_id):
        return None
    return read_provider_settings(row["settings"])


async def admit(
    conn: Connection, tenant_id: TenantId, identity: ProvenIdentity, settings: ProviderSettings, now: datetime
) -> tuple[UUID, Admission]:
    """The person, who is a member afterwards, or `Forbidden`. The provider must be locked."""
    for _ in range(_TRIES):
        linked = await _queries.find_linked(conn, tenant_id=tenant_id, subject=identity.subject)
        known = await _queries.find_by_email(conn, tenant_id=tenant_id, email=identity.email)
        entry = decide_entry(identity, settings, _standing(linked), _standing(known))
        user_id = await _enter(conn, tenant_id, identity, entry, now)
        if user_id is not None:
            return user_id, entry
    raise Retry("Somebody else changes this person.", after=1.0)


async def _enter(
    conn: Connection, tenant_id: TenantId, identity: ProvenIdentity, entry: Admission, now: datetime
) -> UUID | None:
    """None if it is not as it was when it was decided on."""
    user_id = entry.user_id
    if user_id is None:
        user_id = await _queries.insert_user(conn, id=new_id(), email=identity.email, name=identity.name, now=now)
    if user_id is not None and entry.joins_as is not None:
        user_id = await _queries.insert_membership(
            conn, tenant_id=tenant_id, user_id=user_id, role=entry.joins_as, subject=identity.subject, now=now
        )
    elif entry.links:
        user_id = await _queries.link_member(conn, tenant_id=tenant_id, user_id=user_id, subject=identity.subject)
    if user_id is not None and entry.activates:
        await _queries.activate_user(conn, user_id=user_id)
    return user_id


def _standing(row: Record | None) -> Standing | None:
    if row is None:
        return None
    role = None if row["role"] is None else Role(row["role"])
    return Standing(row["user_id"], row["status"], role, row["oidc_subject"], row.get("is_member_elsewhere", False))


def _aad(tenant_id: TenantId) -> str:
    return aad(tenant_id, "identity_providers", "client_secret", tenant_id)
