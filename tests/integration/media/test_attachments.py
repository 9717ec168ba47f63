"""What an agent attaches reaches the customer as a file, though its address leads nowhere a minute later."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.integration.deliveries.courier import NUMBER, Graph, Scene
from tests.world import Business, World
from waystate.channels.genesys.parse import parse_webhook
from waystate.channels.whatsapp.files import FileClient
from waystate.channels.whatsapp.media import MIB
from waystate.documents import JsonObject, dump
from waystate.media.attached import AttachmentClient, AttachmentWorker
from waystate.media.fetch import Fetcher
from waystate.media.scan import Scanner
from waystate.media.thumbnail import Thumbnails
from waystate.messages.model import OutboundMessage

ASHA = "491700000001"
ADDRESS = "https://api-downloads.mypurecloud.de/api/v2/downloads/1"
PNG = b"\x89PNG\r\n\x1a\n" + b"a plan" * 1000
JPEG = b"\xff\xd8\xff\xe0" + b"a photo"

Far = Callable[[httpx2.Request], httpx2.Response]


class Attaching:
    """Agents who attach files; `far` answers at the files' addresses."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.asked: list[str] = []
        self.far: Far = lambda _: httpx2.Response(200, content=PNG)
        self._http = httpx2.AsyncClient(transport=httpx2.MockTransport(self._answer))
        self._thumbnails = Thumbnails()
        self.worker = self.process()
        self._numbers = 0

    def process(self, scanner: Scanner | None = None) -> AttachmentWorker:
        world = self.scene.world
        fetcher = Fetcher(FileClient(self._http), self.scene.objects, self._thumbnails, scanner)
        return AttachmentWorker(world.db, world.directory, AttachmentClient(self._http), fetcher, world.clock)

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(str(request.url))
        assert "authorization" not in request.headers
        return self.far(request)

    async def greet(self) -> None:
        await self.scene.write(ASHA)

    async def say(self, text: str | None, *attachments: JsonObject) -> OutboundMessage:
        """An agent's message as Genesys' webhook brings it."""
        self._numbers += 1
        tenant = self.scene.tenant
        contact = await self.scene.world.value(tenant, "SELECT contact_id FROM conversations ORDER BY id DESC LIMIT 1")
        document = {
            "id": f"agent.{self._numbers}",
            "type": "Text",
            "direction": "Outbound",
            "channel": {"to": {"id": str(contact)}},
            **({"text": text} if text else {}),
            "content": [{"contentType": "Attachment", "attachment": each} for each in attachments],
        }
        (item,) = parse_webhook(dump(document).encode(), tenant.integration, self.scene.world.clock.now).items
        assert isinstance(item.value, OutboundMessage)
        await self.scene.world.answer(tenant, item.value)
        await self.scene.world.relay(tenant)
        return item.value

    async def fetch(self) -> None:
        for _ in range(10):
            await self.worker.step(set(), sweep=True)
            await self.worker.finish_running()

    async def run(self, seconds: int) -> None:
        for _ in range(seconds):
            await self.fetch()
            await self.scene.run(1)

    def sent(self) -> list[tuple[str, Any]]:
        return [(each["type"], each[each["type"]]) for each in self.scene.graph.bodies]

    async def failed(self) -> list[JsonObject]:
        rows = await self.scene.world.rows(self.scene.tenant, "SELECT error FROM messages WHERE status = 'failed' ORDER BY id")
        return [row["error"] for row in rows]


def attached(kind: str = "Image", **said: Any) -> JsonObject:
    return {"id": "1", "mediaType": kind, "url": ADDRESS, "mime": "image/png", "filename": "plan.png"} | said


@pytest.fixture
async def agents(world: World, tmp_path: Path) -> AsyncIterator[Attaching]:
    tenant: Business = await world.add("acme", number=NUMBER)
    scene = Scene(world, tenant, Graph(world.clock))
    await scene.open()
    found = Attaching(scene)
    await found.greet()
    yield found
    await scene.worker.close()


async def test_an_attachment_is_still_sent_when_its_address_has_died(agents: Attaching) -> None:
    await agents.say("Here is the plan", attached())
    await agents.fetch()
    agents.far = lambda _: httpx2.Response(403)
    agents.scene.graph.judge_upload = lambda _: httpx2.Response(503)
    await agents.run(90)
    assert agents.sent() == []
    agents.scene.graph.judge_upload = lambda _: None
    await agents.run(60)
    assert agents.sent() == [("image", {"id": f"media.{len(agents.scene.graph.uploads)}", "caption": "Here is the plan"})]
    assert agents.asked == [ADDRESS]


async def test_a_dead_address_fails_its_message_and_the_next_goes_on(agents: Attaching) -> None:
    agents.far = lambda _: httpx2.Response(404)
    await agents.say("Here is the plan", attached())
    await agents.say("Do you see it?")
    await agents.run(3)
    assert [each["code"] for each in await agents.failed()] == ["media_fetch_failed"]
    assert agents.sent() == [("text", {"body": "Do you see it?"})]
    (receipt,) = await agents.scene.receipts()
    (reason,) = receipt["reasons"]
    assert reason["message"] == "Not sent. The attached file could not be loaded: its address answers 404. Attach it again."


async def test_what_answers_badly_for_a_minute_is_given_up(agents: Attaching) -> None:
    agents.far = lambda _: httpx2.Response(503)
    await agents.say(None, attached())
    await agents.run(59)
    assert await agents.failed() == []
    await agents.run(3)
    assert [each["code"] for each in await agents.failed()] == ["media_fetch_failed"]
    assert 5 < len(agents.asked) < 15


async def test_a_disturbance_of_seconds_costs_nothing(agents: Attaching) -> None:
    answers = iter([httpx2.Response(503), httpx2.Response(429)])
    agents.far = lambda _: next(answers, None) or httpx2.Response(200, content=PNG)
    await agents.say(None, attached())
    await agents.run(6)
    assert agents.sent() == [("image", {"id": "media.1"})]


async def test_redirects_are_followed_three_times(agents: Attaching) -> None:
    def far(request: httpx2.Request) -> httpx2.Response:
        step = int(request.url.path[-1])
        return httpx2.Response(302, headers={"location": f"/{step + 1}"}) if step < 4 else httpx2.Response(200, content=PNG)

    agents.far = far
    await agents.say(None, attached())
    await agents.run(2)
    assert agents.sent() == [("image", {"id": "media.1"})]
    agents.far = lambda request: httpx2.Response(302, headers={"location": str(request.url)})
    await agents.say(None, attached())
    await agents.run(2)
    assert "leads on and on" in (await agents.failed())[0]["title"]


@pytest.mark.parametrize(
    ("content", "said", "sent"),
    [
        (JPEG, attached(), ("image", {"id": "media.1"})),
        (b"%PDF-1.7 offer", attached(filename="offer.pdf"), ("document", {"id": "media.1", "filename": "offer.pdf"})),
        (JPEG, attached("File", mime="image/jpeg", filename="a.jpg"), ("document", {"id": "media.1", "filename": "a.jpg"})),
        (b"ID3\x04 a song", attached("Audio", mime="audio/mpeg"), ("audio", {"id": "media.1"})),
        (
            b"a;b\n1;2\n",
            attached("File", mime="text/csv", filename="a.csv"),
            ("document", {"id": "media.1", "filename": "a.csv"}),
        ),
    ],
)
async def test_a_file_goes_as_what_it_is(agents: Attaching, content: bytes, said: JsonObject, sent: Any) -> None:
    agents.far = lambda _: httpx2.Response(200, content=content)
    await agents.say(None, said)
    await agents.run(2)
    assert agents.sent() == [sent]


@pytest.mark.parametrize(
    ("content", "code", "text"),
    [
        (b"GIF89a" + b"x" * 5000, "media_type_unsupported", "Not sent. WhatsApp takes no file of type image/gif. Send a JPEG"),
        (PNG + bytes(5 * MIB), "media_too_large", "Not sent. A PNG image may have at most 5 MB at WhatsApp. Make it smaller"),
        (b"", "media_empty", "Not sent. The file plan.png is empty."),
        (b"MZ\x90\x00", "media_type_unsupported", "Not sent. The file plan.png is of no type that WhatsApp takes."),
    ],
)
async def test_what_whatsapp_does_not_take_is_told_before_it_is_asked(
    agents: Attaching, content: bytes, code: str, text: str
) -> None:
    agents.far = lambda _: httpx2.Response(200, content=content)
    await agents.say(None, attached())
    await agents.run(3)
    (error,) = await agents.failed()
    assert error["code"] == code
    assert error["title"].startswith(text)
    assert agents.scene.graph.uploads == []
    assert [key async for key, _ in agents.scene.objects.list_keys()] == []


async def test_words_too_long_for_a_caption_stand_before_the_file(agents: Attaching) -> None:
    words = "word " * 300
    message = await agents.say(words.strip(), attached())
    await agents.run(5)
    assert agents.sent() == [("text", {"body": words.strip()}), ("image", {"id": "media.1"})]
    rows = await agents.scene.world.rows(
        agents.scene.tenant, "SELECT genesys_message_id FROM messages WHERE direction = 'outbound' ORDER BY id"
    )
    assert [row["genesys_message_id"] for row in rows] == [None, message.genesys_message_id]


async def test_words_beside_a_sound_stand_before_it(agents: Attaching) -> None:
    agents.far = lambda _: httpx2.Response(200, content=b"ID3\x04 a song")
    await agents.say("Listen", attached("Audio", mime="audio/mpeg"))
    await agents.run(3)
    assert agents.sent() == [("text", {"body": "Listen"}), ("audio", {"id": "media.1"})]


async def test_several_attachments_go_one_after_the_other(agents: Attaching) -> None:
    await agents.say("Both plans", attached(), attached("File", filename="second.png"))
    await agents.run(5)
    assert [kind for kind, _ in agents.sent()] == ["image", "document"]
    assert agents.sent()[0][1]["caption"] == "Both plans"


async def test_messages_keep_their_order_around_a_file(agents: Attaching) -> None:
    answers = iter([httpx2.Response(503)] * 3)
    agents.far = lambda _: next(answers, None) or httpx2.Response(200, content=PNG)
    await agents.say("One")
    await agents.say("Two", attached())
    await agents.say("Three")
    await agents.run(12)
    assert [said.get("body") or said.get("caption") for _, said in agents.sent()] == ["One", "Two", "Three"]


async def test_a_file_is_loaded_though_its_message_waits_for_the_customer(agents: Attaching) -> None:
    world, tenant = agents.scene.world, agents.scene.tenant
    settings = '{"window_policy": "hold"}'
    await world.execute(tenant, "UPDATE conversations SET window_from = window_from - interval '25 hours'")
    object.__setattr__(tenant, "settings", tenant.settings.model_validate_json(settings))
    await agents.say("The plan", attached())
    await agents.fetch()
    assert agents.asked == [ADDRESS]
    assert await world.value(tenant, "SELECT state FROM media_files") == "stored"
    assert agents.sent() == []


async def test_a_refused_message_loads_nothing(agents: Attaching) -> None:
    await agents.scene.world.execute(
        agents.scene.tenant, "UPDATE conversations SET window_from = window_from - interval '25 hours'"
    )
    await agents.say("The plan", attached())
    await agents.run(2)
    assert (agents.asked, [each["code"] for each in await agents.failed()]) == ([], ["window_closed"])


async def test_a_process_that_dies_while_it_loads_leaves_the_file_to_the_next(agents: Attaching) -> None:
    await agents.say("The plan", attached())
    await agents.scene.world.execute(agents.scene.tenant, "UPDATE media_files SET attempts = 1")
    agents.scene.world.clock.forward(seconds=30)
    agents.worker = agents.process()
    await agents.run(3)
    assert agents.sent() == [("image", {"id": "media.1", "caption": "The plan"})]
