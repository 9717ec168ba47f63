"""With a scanner nothing is handed out that it has not let pass."""

import asyncio
from collections.abc import AsyncIterator

import httpx2
import pytest

from tests.integration.media.conftest import Place
from tests.integration.media.far_side import image
from tests.world import Business
from waystate.media.model import FileState
from waystate.media.scan import Scanner

CONTENT = b"X5O!P%@AP" * 10_000


class Desk:
    """The scanner's side: what it got, and what it answers."""

    def __init__(self, *answers: int, text: str = "") -> None:
        self.answers, self.text = list(answers), text
        self.got: list[bytes] = []
        self.http = httpx2.AsyncClient(transport=httpx2.MockTransport(self._answer))
        self.scanner = Scanner("http://scanner.example/scan", self.http)

    async def _answer(self, request: httpx2.Request) -> httpx2.Response:
        self.got.append(await request.aread())
        status = self.answers.pop(0)
        if status == 0:
            raise httpx2.ConnectError("nobody is there")
        return httpx2.Response(status, text=self.text)


async def test_what_it_lets_pass_is_stored(place: Place, tenant: Business) -> None:
    desk = Desk(200)
    await place.receive(tenant, image(tenant, place.side.add("m1", CONTENT)))
    await place.fetch(place.process(desk.scanner))
    assert (await place.file(tenant)).state is FileState.STORED
    assert desk.got == [CONTENT]


@pytest.mark.parametrize("status", [406, 422])
async def test_what_it_refuses_is_held_with_its_reason_and_nothing_is_kept(place: Place, tenant: Business, status: int) -> None:
    desk = Desk(status, text="Eicar-Test-Signature\x00")
    await place.receive(tenant, image(tenant, place.side.add("m1", CONTENT)))
    await place.fetch(place.process(desk.scanner))
    file = await place.file(tenant)
    assert (file.state, file.error) == (FileState.HELD, {"code": "held", "message": "Eicar-Test-Signature\ufffd"})
    assert await place.keys() == []
    (told,) = await place.told(tenant, "media.held")
    assert told["reason"].startswith("Eicar-Test-Signature")
    assert await place.world.value(tenant, "SELECT status FROM messages") == "received"


@pytest.mark.parametrize("status", [0, 204, 302, 403, 500, 503])
async def test_where_it_does_not_know_it_is_asked_again(place: Place, tenant: Business, status: int) -> None:
    desk = Desk(status, 200)
    worker = place.process(desk.scanner)
    await place.receive(tenant, image(tenant, place.side.add("m1", CONTENT)))
    await place.fetch(worker)
    file = await place.file(tenant)
    assert (file.state, file.error["code"], await place.keys()) == (FileState.WAITING, "scanner_unavailable", [])
    place.world.clock.now = file.due_at
    await place.fetch(worker)
    assert (await place.file(tenant)).state is FileState.STORED


async def drip() -> AsyncIterator[bytes]:
    while True:
        yield b"found "
        await asyncio.sleep(0)


@pytest.mark.parametrize(("status", "state"), [(200, FileState.STORED), (406, FileState.HELD), (500, FileState.WAITING)])
async def test_an_answer_without_an_end_is_read_as_far_as_it_matters(
    place: Place, tenant: Business, status: int, state: FileState
) -> None:
    http = httpx2.AsyncClient(transport=httpx2.MockTransport(lambda _: httpx2.Response(status, content=drip())))
    await place.receive(tenant, image(tenant, place.side.add("m1", CONTENT)))
    async with asyncio.timeout(5):
        await place.fetch(place.process(Scanner("http://scanner.example/scan", http)))
    file = await place.file(tenant)
    assert file.state is state
    if state is FileState.HELD:
        assert file.error is not None
        assert (len(file.error["message"]), file.error["message"][:12]) == (500, "found found ")


async def test_one_that_never_answers_is_asked_again(place: Place, tenant: Business) -> None:
    async def silent(_: httpx2.Request) -> httpx2.Response:
        await asyncio.Event().wait()
        raise AssertionError

    http = httpx2.AsyncClient(transport=httpx2.MockTransport(silent))
    await place.receive(tenant, image(tenant, place.side.add("m1", CONTENT)))
    async with asyncio.timeout(5):
        await place.fetch(place.process(Scanner("http://scanner.example/scan", http, longest=0.05)))
    file = await place.file(tenant)
    assert (file.state, file.error, await place.keys()) == (
        FileState.WAITING,
        {"code": "scanner_unavailable", "message": "The scanner does not answer: TimeoutError."},
        [],
    )
