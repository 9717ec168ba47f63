"""Logins by an identity provider as a browser makes them, and people to log in."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx2

from tests.acceptance.installation import Installation
from tests.servers.identity_provider import CLIENT, SECRET, Provider
from waystate.ids import TenantId, new_id
from waystate.people import store as people_store

BODY = {"client_id": CLIENT, "client_secret": SECRET}
SETTINGS = "/v1/tenant/identity-provider"


@dataclass
class Browser:
    """Keeps cookies as browsers do, which send those that are `Secure` to localhost too."""

    place: Installation
    cookies: dict[str, str]
    set_cookies: list[str]

    async def get(self, url: str, **headers: str) -> httpx2.Response:
        """Once: where it is sent to is for the test to follow."""
        sent = {"cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()), **headers}
        answer = await self.place.http.get(url, headers=sent, follow_redirects=False)
        self.set_cookies = answer.headers.get_list("set-cookie")
        for each in self.set_cookies:
            name, _, value = each.partition(";")[0].partition("=")
            self.cookies[name] = value
            if not value:
                del self.cookies[name]
        return answer

    async def begin(self, tenant: str, **query: str) -> str:
        """The provider's address that it is sent to."""
        answer = await self.get(str(httpx2.URL(f"/v1/auth/oidc/{tenant}", params=query)))
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    async def authorize(self, location: str) -> str:
        """Where the provider sends it back to."""
        async with httpx2.AsyncClient() as outside:
            answer = await outside.get(location)
        assert answer.status_code == 302, answer.text
        return answer.headers["location"]

    async def log_in(self, tenant: str, **query: str) -> httpx2.Response:
        return await self.get(await self.authorize(await self.begin(tenant, **query)))

    async def authorized(self, tenant: str) -> str:
        return await self.authorize(await self.begin(tenant))


def browser(place: Installation) -> Browser:
    return Browser(place, {}, [])


async def add_person(
    place: Installation, email: str, *memberships: tuple[str, str], status: str = "active", subject: str | None = None
) -> UUID:
    """`memberships`: tenant and role."""
    user_id = new_id()
    await place.database.execute(
        "INSERT INTO users (id, email, name, status, created_at) VALUES ($1, $2, $2, $3, now())", user_id, email, status
    )
    for tenant, role in memberships:
        await place.database.execute(
            "INSERT INTO memberships (tenant_id, user_id, role, oidc_subject, created_at) VALUES ($1, $2, $3, $4, now())",
            tenant,
            user_id,
            role,
            subject,
        )
    return user_id


async def bearer_of(place: Installation, tenant: str, user_id: UUID) -> dict[str, str]:
    tenant_id = TenantId(tenant)
    async with place.app.db.work(tenant_id=tenant_id) as conn:
        _, token = await people_store.create_session(conn, tenant_id, user_id, place.app.clock())
    return {"authorization": f"Bearer {token}"}


async def owner_of(place: Installation, tenant: str) -> dict[str, str]:
    return await bearer_of(place, tenant, await add_person(place, f"{new_id()}@owners.example", (tenant, "owner")))


async def set_provider(
    place: Installation, tenant: str, provider: Provider, settings: Mapping[str, Any] | None = None, **changes: Any
) -> None:
    body = {"issuer": provider.issuer, **BODY, "settings": settings or {}, **changes}
    answer = await place.http.put(SETTINGS, json=body, headers=await owner_of(place, tenant))
    assert answer.status_code == 200, answer.text
