"""Keys and sessions for callers of a running application."""

from typing import Any
from uuid import UUID

from tests.acceptance.installation import Installation
from waystate.clock import utc_now
from waystate.ids import TenantId, new_id
from waystate.keys import store
from waystate.people import store as people_store
from waystate.principal import Role, Scope


async def key_with(place: Installation, tenant: TenantId, *scopes: Scope, **options: Any) -> str:
    """The key in clear."""
    async with place.app.db.tenant(tenant) as conn:
        made = await store.create_key(conn, tenant, "acceptance", utc_now(), scopes=scopes, **options)
    return made[1]


async def session_of(place: Installation, tenant: TenantId, role: Role, *, name: str = "Ada") -> tuple[UUID, str]:
    """A new person with this role, and the token of a session."""
    user, now = new_id(), utc_now()
    async with place.app.db.work(tenant_id=tenant) as conn:
        await conn.execute(
            "INSERT INTO users (id, email, name, status, created_at) VALUES ($1, $2, $3, 'active', $4)",
            user,
            f"{user}@example.org",
            name,
            now,
        )
        await conn.execute(
            "INSERT INTO memberships (tenant_id, user_id, role, created_at) VALUES ($1, $2, $3, $4)", tenant, user, role, now
        )
        _, token = await people_store.create_session(conn, tenant, user, now)
    return user, token


def bearing(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}
