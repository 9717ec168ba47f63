"""The verification steps of the seed: its curl lines as printed, and what docs/how-to/operate.md prints for the others."""

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tests.acceptance.installation import APP, VAULT, new_account
from tests.acceptance.served import free_port, served
from tests.acceptance.terminal import beside
from tests.acceptance.test_how_tos import HOW_TO, Newcomer, blocks
from tests.databases import Databases
from tests.servers.redis import RedisServer, redis_server, wait_for
from waystate.db.pool import Database
from waystate.ids import TenantId
from waystate.tenants import store
from waystate.tenants.model import Tenant, TenantSettings

OPERATE = HOW_TO / "operate.md"
DEMO = TenantId("demo-tenant-001")

FORWARD = """
curl -X GET http://localhost:3005/state/mapping/+919876543210 \\
  -H "X-Tenant-ID: demo-tenant-001"
"""
REVERSE = """
curl -X GET http://localhost:3005/state/conversation/<conversation-id> \\
  -H "X-Tenant-ID: demo-tenant-001"
"""
TRACK = """
curl -X POST http://localhost:3005/state/message \\
  -H "Content-Type: application/json" \\
  -d '{
    "metaMessageId": "wamid.test123",
    "conversationId": "<conversation-id>",
    "tenantId": "demo-tenant-001",
    "direction": "inbound",
    "status": "sent",
    "messageType": "text"
  }'
"""
UPDATE = """
curl -X PATCH http://localhost:3005/state/message/wamid.test123 \\
  -H "Content-Type: application/json" \\
  -d '{"status": "delivered"}'
"""

Answer = tuple[int, dict[str, Any]]


class Terminal:
    """Where the lines are typed; the port is the only thing that is not as printed."""

    def __init__(self, address: str) -> None:
        self._address = address
        self.conversation = ""

    def type(self, line: str) -> Answer:
        typed = line.replace("http://localhost:3005", self._address).replace("<conversation-id>", self.conversation)
        command = [*shlex.split(typed.replace("\\\n", " ")), "--silent", "--write-out", "\n%{http_code}", "--noproxy", "*"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
        body, _, status = done.stdout.rpartition("\n")
        return int(status), json.loads(body)


@pytest.fixture(scope="module")
def database(databases: Databases) -> Iterator[str]:
    with databases.fresh() as url:
        yield url


@pytest.fixture(scope="module")
async def demo_tenant(database: str) -> None:
    db = await Database.open(database, pool_size=2)
    async with db.work() as conn:
        await store.upsert_many(conn, [Tenant(id=DEMO, name="Demo", settings=TenantSettings(correlation="local"))])
        await store.upsert_meta_apps(conn, VAULT, [APP])
    async with db.work(tenant_id=DEMO) as conn:
        await store.upsert_accounts(conn, VAULT, DEMO, [new_account("106540352242922")])
    await db.close()


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer | None]:
    """Without one on this machine the other steps are taken all the same."""
    if shutil.which("redis-server") is None:
        yield None
        return
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="module")
def terminal(
    database: str, demo_tenant: None, redis: RedisServer | None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Terminal]:
    if shutil.which("curl") is None:
        pytest.skip("NO CURL on this machine: the seed's lines were not typed")
    home: Path = tmp_path_factory.mktemp("home")
    cache = {} if redis is None else {"REDIS_URL": redis.url}
    with served(database, home, free_port(), TRUSTED_MODE="loopback", **cache) as address:
        yield Terminal(address)


def test_steps_of_the_seed_work_as_printed(terminal: Terminal) -> None:
    status, mapping = terminal.type(FORWARD)
    assert status == 200
    assert {"waId": mapping["waId"], "tenantId": mapping["tenantId"]} == {"waId": "+919876543210", "tenantId": DEMO}
    assert mapping["isNew"] is True
    terminal.conversation = mapping["conversationId"]
    assert UUID(terminal.conversation) == UUID(mapping["internalId"])

    assert terminal.type(FORWARD) == (200, {**mapping, "isNew": False})
    status, reverse = terminal.type(REVERSE)
    assert (status, reverse["waId"], reverse["conversationId"]) == (200, "919876543210", terminal.conversation)

    status, tracked = terminal.type(TRACK)
    assert (status, tracked["message"], tracked["created"]) == (201, "Message tracked successfully", True)
    assert terminal.type(TRACK) == (200, {**tracked, "message": "Message was tracked before", "created": False})

    status, updated = terminal.type(UPDATE)
    assert (status, updated["message"], updated["messageId"]) == (200, "Status updated successfully", tracked["messageId"])


def test_status_that_goes_backwards_is_refused(terminal: Terminal) -> None:
    status, problem = terminal.type(UPDATE.replace("delivered", "sent"))
    assert (status, problem["code"], problem["current"]) == (409, "state_violation", "processed")


async def test_rows_are_where_the_seed_looks_for_them(terminal: Terminal, database: str) -> None:
    connection = await asyncpg.connect(database)
    try:
        (message,) = await connection.fetch("SELECT * FROM messages")
        (conversation,) = await connection.fetch("SELECT * FROM conversations")
    finally:
        await connection.close()
    assert (message["tenant_id"], message["wamid"], message["status"]) == (DEMO, "wamid.test123", "processed")
    assert (conversation["wa_id"], str(conversation["id"])) == ("919876543210", terminal.conversation)
    assert message["conversation_id"] == conversation["id"]


def test_psql_as_the_guide_prints_it_shows_the_rows(terminal: Terminal, database: str, tmp_path: Path) -> None:
    (typed,) = (block for block in blocks(OPERATE) if "db psql" in block)
    said = Newcomer(tmp_path, beside(database, tmp_path)).types(typed)
    tenants, conversations, messages = said.strip().split("\n\n")
    assert "demo-tenant-001 | Demo" in tenants
    assert re.search(rf"^ 919876543210 \| {terminal.conversation} \| +\| active$", conversations, re.MULTILINE)
    assert re.search(r"^ wamid\.test123 \| +\| inbound +\| processed \|", messages, re.MULTILINE)


def test_redis_as_the_guide_prints_it_shows_the_keys(terminal: Terminal, redis: RedisServer | None, tmp_path: Path) -> None:
    if redis is None or shutil.which("redis-cli") is None:
        pytest.skip("NO REDIS on this machine: `make deps` installs it")
    (typed,) = (block for block in blocks(OPERATE) if "redis-cli" in block)
    assert terminal.type(FORWARD)[0] == 200
    # A fill goes to Redis behind the answer.
    wait_for(lambda: bool(redis.client().keys("t:{demo-tenant-001}:map:*")))
    said = Newcomer(tmp_path, {}).types(typed.replace("redis://localhost:6379/0", redis.url))
    pong, *keys, value = said.splitlines()
    assert pong == "PONG"
    assert "t:{demo-tenant-001}:map:wa_id::919876543210" in keys
    assert value


def test_unknown_ids_and_a_missing_field_are_refused_with_what_to_do(terminal: Terminal) -> None:
    for line, status, code in (
        (REVERSE.replace("<conversation-id>", "nobody"), 404, "conversation_not_found"),
        (UPDATE.replace("wamid.test123", "wamid.nobody"), 404, "message_not_found"),
        (TRACK.replace('"direction": "inbound",', ""), 422, "invalid_request"),
        (FORWARD.replace("demo-tenant-001", "demo-tenant-002"), 404, "unknown_tenant"),
        (FORWARD.replace("-X GET", "-X GET -H 'Forwarded: for=1.2.3.4'"), 401, "trusted_mode_refused"),
    ):
        answered, problem = terminal.type(line)
        assert (answered, problem["code"]) == (status, code)
        assert len(problem["detail"]) > 30
