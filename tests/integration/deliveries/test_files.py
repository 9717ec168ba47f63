"""Files are with WhatsApp before the message that shows them leaves: once a number, whatever becomes of an answer."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx2
import pytest

from tests.integration.deliveries.courier import NUMBER, Scene, refusal, scene_of
from tests.world import World
from waystate.conversations.control import SYSTEM
from waystate.errors import Refused
from waystate.events import outbox
from waystate.ids import new_id
from waystate.media import store as media_store
from waystate.media.model import FileDirection, FileState, MediaRecord
from waystate.principal import Actor
from waystate.sends.model import Draft, Posted, SendOutcome
from waystate.sends.post import post_many
from waystate.trace.trace import trace

ASHA, BEN = "491700000001", "491700000002"
PNG = b"\x89PNG\r\n\x1a\n" + b"a plan"


@pytest.fixture
async def scene(world: World) -> AsyncIterator[Scene]:
    async with scene_of(world) as scene:
        yield scene


async def store(scene: Scene, content: bytes = PNG, **said: Any) -> UUID:
    """As an upload leaves it."""
    file_id, now = new_id(), scene.world.clock.now
    given: dict[str, Any] = {
        "state": FileState.STORED,
        "mime_type": "image/png",
        "filename": "plan.png",
        "size": len(content),
        "sha256": bytes(32),
        "object_key": f"acme/{file_id}/1",
        "stored_at": now,
    }
    file = MediaRecord(id=file_id, direction=FileDirection.OUTBOUND, created_at=now, **(given | said))
    if file.object_key is not None:
        await scene.objects.put_bytes(file.object_key, content)
    async with scene.world.db.tenant(scene.tenant.tenant) as conn:
        await media_store.insert_many(conn, scene.tenant.tenant, [file])
    return file_id


async def wait_for(scene: Scene) -> UUID:
    """A file that is still being fetched."""
    nothing: dict[str, Any] = dict.fromkeys(("mime_type", "size", "sha256", "object_key", "stored_at"))
    return await store(scene, state=FileState.WAITING, due_at=scene.world.clock.now, **nothing)


async def post(scene: Scene, file_id: UUID, *phones: str, type: str = "image", **said: Any) -> list[SendOutcome | Refused]:
    drafts = [
        Draft(
            type=type,
            content={"media_id": str(file_id), **said},
            text="[image]",
            to=phone,
            speaker=SYSTEM,
            actor=Actor("key", new_id()),
        )
        for phone in phones
    ]
    tenant = scene.tenant.tenant
    async with scene.world.db.tenant(tenant) as conn:
        posted = await post_many(conn, tenant, await scene.world.view(scene.tenant), drafts, scene.world.clock.now)
        await outbox.append_many(conn, tenant, posted.events)
    await scene.world.relay(scene.tenant)
    return posted.results


async def greet(scene: Scene, *phones: str) -> None:
    """They have written, so they may be written to."""
    await scene.write_many({phone: [] for phone in phones})


async def failed_with(scene: Scene) -> list[dict[str, Any]]:
    rows = await scene.world.rows(scene.tenant, "SELECT error FROM messages WHERE status = 'failed' ORDER BY id")
    return [row["error"] for row in rows]


async def test_a_file_is_uploaded_and_the_message_names_it_by_whatsapps_id(scene: Scene) -> None:
    await greet(scene, ASHA)
    file_id = await store(scene)
    await post(scene, file_id, ASHA, caption="The plan")
    await scene.run(2)
    ((number, form),) = scene.graph.uploads
    assert number == NUMBER
    assert PNG in form
    assert [(each["type"], each["image"]) for each in scene.graph.bodies] == [
        ("image", {"id": "media.1", "caption": "The plan"})
    ]
    rows = await scene.world.rows(scene.tenant, "SELECT attempt FROM delivery_attempts WHERE target = 'whatsapp'")
    assert [row["attempt"] for row in rows] == [1]


async def test_the_same_file_goes_to_one_number_once(scene: Scene) -> None:
    phones = [f"49170000{place:04}" for place in range(30)]
    await greet(scene, *phones)
    file_id = await store(scene)
    await post(scene, file_id, *phones)
    await scene.run(5)
    await post(scene, file_id, *phones)
    await scene.run(5)
    assert len(scene.graph.uploads) == 1
    assert [each["image"] for each in scene.graph.bodies] == [{"id": "media.1"}] * 60


async def test_an_upload_is_used_for_29_days_and_then_made_again(scene: Scene) -> None:
    file_id = await store(scene)
    for days in (0, 28, 2):
        scene.world.clock.forward(days=days)
        await scene.restart()
        await greet(scene, ASHA)
        await post(scene, file_id, ASHA)
        await scene.run(3)
    assert [each["image"]["id"] for each in scene.graph.bodies] == ["media.1", "media.1", "media.2"]


async def test_an_upload_whose_answer_is_lost_is_made_again_and_the_message_is_sent_once(scene: Scene) -> None:
    await greet(scene, ASHA)
    answers = iter([httpx2.Response(502, text="bad gateway"), httpx2.Response(200, text="<html>"), None])
    scene.graph.judge_upload = lambda _: next(answers, None)
    await post(scene, await store(scene), ASHA)
    await scene.run(10)
    assert len(scene.graph.uploads) == 3
    assert [each["image"] for each in scene.graph.bodies] == [{"id": "media.3"}]


async def test_a_process_that_ends_during_an_upload_leaves_nothing_unknown(scene: Scene) -> None:
    await greet(scene, ASHA)
    scene.graph.judge_upload = lambda _: httpx2.Response(502)
    await post(scene, await store(scene), ASHA)
    await scene.once()
    scene.graph.judge_upload = lambda _: None
    await scene.restart()
    await scene.run(3)
    assert await scene.states() == {"sent": 1}
    assert len(scene.graph.bodies) == 1


async def test_a_customers_queue_waits_for_the_file_and_others_do_not(scene: Scene) -> None:
    await greet(scene, ASHA, BEN)
    scene.graph.judge_upload = lambda _: httpx2.Response(503)
    await post(scene, await store(scene), ASHA)
    await scene.write(ASHA, "Do you see it?")
    await scene.write(BEN, "Hello")
    await scene.run(5)
    assert [each["to"] for each in scene.graph.bodies] == [BEN]
    message = await scene.world.value(scene.tenant, "SELECT id FROM messages WHERE type = 'image'")
    told = await trace(scene.tenant.tenant, scene.tenant.settings, str(message), scene.world.db, scene.world.clock)
    assert told["why"] == "It waits for its turn, or for its file, which WhatsApp gets before it."
    scene.graph.judge_upload = lambda _: None
    await scene.run(20)
    assert [each["type"] for each in scene.graph.bodies if each["to"] == ASHA] == ["image", "text"]


async def test_many_who_wait_for_a_file_keep_nobody_else_waiting(scene: Scene) -> None:
    phones = [f"49172000{place:04}" for place in range(200)]
    await greet(scene, *phones, BEN)
    scene.graph.judge_upload = lambda _: httpx2.Response(503)
    await post(scene, await store(scene), *phones)
    await scene.write(BEN, "Hello")
    await scene.run(3)
    assert [each["to"] for each in scene.graph.bodies] == [BEN]
    scene.graph.judge_upload = lambda _: None
    await scene.run(30)
    assert len(scene.graph.bodies) == 201


async def test_a_number_that_is_gone_says_so_and_its_files_wait_for_nothing(scene: Scene) -> None:
    await greet(scene, ASHA)
    await post(scene, await store(scene), ASHA)
    await scene.world.execute(scene.tenant, "UPDATE whatsapp_accounts SET is_active = false")
    scene.world.directory.clear()
    await scene.run(3)
    assert [each["code"] for each in await failed_with(scene)] == ["account_missing"]


@pytest.mark.parametrize(
    ("code", "said", "told"),
    [
        (131053, "Media upload error", "Media upload error"),
        (
            100,
            "Param file must be a file with one of the following types",
            "Not sent: WhatsApp does not take the file. It says",
        ),
    ],
)
async def test_a_file_that_whatsapp_refuses_fails_its_message_and_the_next_goes_on(
    scene: Scene, code: int, said: str, told: str
) -> None:
    await greet(scene, ASHA)
    answer = httpx2.Response(400, json={"error": {"code": code, "message": f"(#{code}) {said}"}})
    scene.graph.judge_upload = lambda _: answer
    await post(scene, await store(scene), ASHA)
    await scene.write(ASHA, "And this")
    await scene.run(3)
    assert len(scene.graph.uploads) == 1
    (error,) = await failed_with(scene)
    assert told in error["title"]
    assert [each["type"] for each in scene.graph.bodies] == ["text"]


async def test_a_refused_token_holds_the_number_and_no_message_pays(scene: Scene) -> None:
    await greet(scene, ASHA, BEN)
    scene.graph.judge_upload = lambda _: refusal(190, 401)
    await post(scene, await store(scene), ASHA)
    await scene.run(1)
    await scene.write(BEN, "Hello")
    await scene.run(20)
    assert len(scene.graph.uploads) == 1
    assert scene.graph.bodies == []
    scene.graph.judge_upload = lambda _: None
    await scene.run(60)
    assert len(scene.graph.bodies) == 2
    assert await failed_with(scene) == []


async def test_what_is_not_kept_any_more_is_not_sent(scene: Scene) -> None:
    await greet(scene, ASHA)
    file_id = await store(scene)
    await scene.objects.delete(f"acme/{file_id}/1")
    await post(scene, file_id, ASHA)
    await scene.run(3)
    assert [each["code"] for each in await failed_with(scene)] == ["media_gone"]


async def test_a_file_that_is_never_fetched_fails_its_message_in_the_end(scene: Scene) -> None:
    await greet(scene, ASHA)
    file_id = await store(scene)
    await post(scene, file_id, ASHA)
    await scene.world.execute(
        scene.tenant, "UPDATE media_files SET state = 'waiting', due_at = created_at WHERE id = $1", file_id
    )
    await scene.write(ASHA, "And this")
    await scene.run(290)
    assert scene.graph.bodies == []
    await scene.run(20)
    assert [each["code"] for each in await failed_with(scene)] == ["media_fetch_failed"]
    assert [each["type"] for each in scene.graph.bodies] == ["text"]


async def test_what_cannot_be_sent_is_refused_when_it_is_posted(scene: Scene) -> None:
    await greet(scene, ASHA)
    missing = new_id()
    waiting, held = await wait_for(scene), await store(scene, state=FileState.HELD)
    refused = [
        *await post(scene, missing, ASHA),
        *await post(scene, waiting, ASHA),
        *await post(scene, held, ASHA),
        *await post(scene, await store(scene), ASHA, type="video"),
    ]
    assert [each.code for each in refused if isinstance(each, Refused)] == [
        *("media_not_found", "media_not_ready", "media_unusable", "media_unusable"),
    ]
    assert "Send it as image or document." in str(refused[-1])
    (posted,) = await post(scene, await store(scene), ASHA, type="document")
    assert isinstance(posted, Posted)
    await scene.run(2)
    assert [each["document"] for each in scene.graph.bodies] == [{"id": "media.1", "filename": "plan.png"}]


async def test_another_tenants_file_is_no_file(scene: Scene) -> None:
    await greet(scene, ASHA)
    file_id = await store(scene)
    other = await scene.world.add("other", number="2002", app_id="app-2")
    await scene.world.receive(other, other.message(wa_id=BEN))
    mine, scene.tenant = scene.tenant, other
    (refused,) = await post(scene, file_id, BEN)
    scene.tenant = mine
    assert isinstance(refused, Refused)
    assert refused.code == "media_not_found"


async def test_a_message_that_may_not_leave_has_its_own_reason(scene: Scene) -> None:
    await greet(scene, ASHA)
    scene.graph.judge_upload = lambda _: httpx2.Response(503)
    await post(scene, await store(scene), ASHA)
    await scene.run(2)
    scene.world.clock.forward(hours=25)
    await scene.restart()
    scene.graph.judge_upload = lambda _: None
    await scene.run(3)
    assert [each["code"] for each in await failed_with(scene)] == ["window_closed"]
