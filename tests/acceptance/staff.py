"""People of tenants in a running installation: invited, let in, and calling with their sessions."""

from dataclasses import dataclass
from typing import Any

import httpx2

from tests.acceptance.installation import Installation
from waystate.clock import utc_now
from waystate.ids import TenantId
from waystate.people.members import Invited, Members
from waystate.people.model import BY_OPERATOR
from waystate.principal import Role

PASSWORD = "correct horse battery staple"


@dataclass
class Person:
    """`http` has no cookies of its own: what is sent is what a call says."""

    place: Installation
    email: str
    token: str

    async def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        return await send(self.place, method, path, body, authorization=f"Bearer {self.token}")


async def send(
    place: Installation, method: str, path: str, body: Any = None, address: str = "127.0.0.1", **headers: str
) -> tuple[int, Any]:
    """Status and document, from an address of one's own and without a memory for cookies."""
    answer = await request(place, method, path, body, address, **headers)
    return answer.status_code, answer.json() if answer.content else None


async def request(
    place: Installation, method: str, path: str, body: Any = None, address: str = "127.0.0.1", **headers: str
) -> httpx2.Response:
    transport = httpx2.ASGITransport(place.lane, client=(address, 50_000))
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost:3005") as http:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await http.request(method, path, json=body, headers=named)


async def invite(place: Installation, tenant: str, email: str, role: Role = Role.AGENT, name: str = "Ada") -> Invited:
    """By whoever holds the machine."""
    return await Members(place.app.db, utc_now).invite(TenantId(tenant), BY_OPERATOR, email, role, name)


async def accept(place: Installation, token: str, password: str = PASSWORD, **more: Any) -> tuple[int, Any]:
    return await send(place, "POST", "/v1/auth/invitation", {"token": token, "password": password, **more})


async def log_in(
    place: Installation, email: str, password: str = PASSWORD, address: str = "127.0.0.1", **more: Any
) -> tuple[int, Any]:
    return await send(place, "POST", "/v1/auth/login", {"email": email, "password": password, **more}, address)


async def employ(place: Installation, tenant: str, email: str, role: Role = Role.AGENT) -> Person:
    """A member with a password, logged in."""
    invited = await invite(place, tenant, email, role)
    status, told = await accept(place, invited.token)
    assert status == 200, told
    return await enter(place, email, tenant=tenant)


async def enter(place: Installation, email: str, password: str = PASSWORD, **more: Any) -> Person:
    status, told = await log_in(place, email, password, **more)
    assert status == 200, told
    return Person(place, email, told["token"])
