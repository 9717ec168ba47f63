"""`waystate user`, beside a server: the first administrator, and what an operator does to people."""

import json
from collections.abc import AsyncIterator

import pytest

from tests.acceptance.installation import installed, until
from tests.acceptance.staff import PASSWORD, accept, enter, log_in, send
from tests.acceptance.terminal import Terminal, beside
from tests.databases import Databases

A, B = "tenant-a", "tenant-b"


class Desk(Terminal):
    command = ("user",)


@pytest.fixture(scope="module")
async def desk(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    home = tmp_path_factory.mktemp("home")
    with databases.fresh() as url:
        async with installed(url, home, TRUSTED_MODE="off") as place:
            for number, tenant in enumerate((A, B)):
                await place.add_tenant(tenant, number=str(number), integration=f"integration-{tenant}")
            yield Desk(place, beside(url, home))


async def test_the_first_person_of_the_platform_and_of_a_tenant_come_from_the_command_line(desk: Desk) -> None:
    code, output, errors = await desk.run("add", "platform", "root@example.com", "--role", "platform", "--name", "Root")
    assert code == 0, errors
    (token,) = [line for line in output.splitlines() if line.startswith("wsi.")]
    assert (await accept(desk.place, token))[0] == 200
    assert (await enter(desk.place, "root@example.com")).token.startswith("wss.platform.")

    code, output, errors = await desk.run(
        "add", A, "owner@a.example", "--role", "owner", "--password-stdin", stdin=f"{PASSWORD}\n"
    )
    assert (code, output) == (0, f"owner@a.example can log in as owner of tenant {A}.\n"), errors
    assert (await log_in(desk.place, "owner@a.example"))[1]["tenant"] == A
    code, _, errors = await desk.run("add", B, "owner@a.example", "--role", "viewer", "--password-stdin", stdin="not it\n")
    assert (code, "has an account already" in errors) == (2, True)
    assert "not it" not in errors


async def test_an_operator_looks_after_people_and_the_server_hears_of_it(desk: Desk) -> None:
    await desk.told("add", A, "boss@a.example", "--role", "owner", "--password-stdin", stdin=PASSWORD)
    await desk.told("add", A, "agent@a.example", "--role", "agent", "--password-stdin", stdin=PASSWORD)
    agent = await enter(desk.place, "agent@a.example")
    assert (await desk.told("role", A, "Agent@A.example", "supervisor"))["role"] == "supervisor"
    listed = (await desk.told("list", A))["items"]
    assert {("agent@a.example", "supervisor"), ("boss@a.example", "owner")} <= {
        (each["email"], each["role"]) for each in listed
    }
    code, output, _ = await desk.run("list", A)
    assert (code, "agent@a.example" in output) == (0, True)
    code, output, _ = await desk.run("show", A, "agent@a.example")
    assert json.loads(output)["status"] == "active"
    (session,) = (await desk.told("sessions", A, "agent@a.example"))["items"]
    code, output, _ = await desk.run("sessions", A, "agent@a.example")
    assert session["id"] in output
    assert (await desk.run("revoke", A, "agent@a.example", "--session", session["id"]))[:2] == (0, "1 ended.\n")

    async def is_out() -> bool:
        return (await agent.call("GET", "/v1/me"))[0] == 401

    await until(is_out, timeout=2)
    code, output, errors = await desk.run("reset", A, "agent@a.example")
    new = "another phrase altogether"
    assert (await send(desk.place, "POST", "/v1/auth/reset", {"token": output.strip(), "password": new}))[0] == 200, errors
    assert (await desk.run("disable", A, "agent@a.example"))[0] == 0
    assert (await log_in(desk.place, "agent@a.example", new))[0] == 401
    assert (await desk.run("enable", A, "agent@a.example"))[0] == 0
    assert (await log_in(desk.place, "agent@a.example", new))[0] == 200
    assert (await desk.run("remove", A, "agent@a.example"))[0] == 0
    code, _, errors = await desk.run("show", A, "agent@a.example")
    assert (code, "no such person" in errors) == (2, True)


async def test_a_mistake_is_told_in_a_sentence(desk: Desk) -> None:
    await desk.told("add", B, "only@b.example", "--role", "owner", "--password-stdin", stdin=PASSWORD)
    for arguments, said in (
        (("disable", B, "only@b.example"), "Nobody else of tenant"),
        (("add", "platform", "x@b.example", "--role", "owner"), "role must be one that this tenant has: platform"),
        (("add", B, "nonsense", "--role", "owner"), "e-mail address"),
        (("add", "no-tenant", "x@b.example", "--role", "owner"), "no tenant 'no-tenant'"),
        (("add", B, "x@b.example", "--role", "owner", "--password-stdin"), "no password on standard input"),
    ):
        code, output, errors = await desk.run(*arguments)
        assert (code, output) == (2, ""), arguments
        assert said in errors
        assert "Traceback" not in errors
