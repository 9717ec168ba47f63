"""A route takes whom the door let in, and without a door it answers nobody."""

import httpx2
import pytest
from fastapi import APIRouter, Depends, FastAPI, Request

from waystate.ids import TenantId
from waystate.principal import Principal
from waystate.web.caller import Caller, let_in


def router() -> APIRouter:
    router = APIRouter()

    @router.get("/who")
    async def who(caller: Caller, number: int) -> str:
        return f"{caller.tenant_id} {number}"

    return router


async def door(request: Request) -> None:
    let_in(request, Principal(TenantId(request.headers["x-tenant-id"]), "trusted"))


def client_of(app: FastAPI) -> httpx2.AsyncClient:
    # One state for all requests, as a server with a lifespan may give it.
    async def shared(scope: dict[str, object], receive: object, send: object) -> None:
        await app({**scope, "state": state}, receive, send)  # type: ignore[arg-type]

    state: dict[str, object] = {}
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(shared), base_url="http://localhost")  # type: ignore[arg-type]


async def test_a_route_has_the_caller_of_its_own_request() -> None:
    app = FastAPI()
    app.include_router(router(), dependencies=[Depends(door)])
    async with client_of(app) as client:
        for tenant in ("acme", "globex"):
            answer = await client.get("/who?number=1", headers={"x-tenant-id": tenant})
            assert answer.json() == f"{tenant} 1"


async def test_the_door_is_asked_before_the_routes_parameters() -> None:
    async def shut() -> None:
        raise PermissionError("shut")

    app = FastAPI()
    app.include_router(router(), dependencies=[Depends(shut)])
    async with client_of(app) as client:
        with pytest.raises(PermissionError, match="shut"):
            await client.get("/who?number=none")


async def test_a_route_without_a_door_answers_nobody() -> None:
    app = FastAPI()
    app.include_router(router(), dependencies=[Depends(door)])
    app.include_router(router(), prefix="/open")
    async with client_of(app) as client:
        assert (await client.get("/who?number=1", headers={"x-tenant-id": "acme"})).status_code == 200
        with pytest.raises(KeyError):
            await client.get("/open/who?number=1", headers={"x-tenant-id": "acme"})
