"""`place` is a database, an object store and WhatsApp's side of customers' files; a process more is a worker more."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.media.far_side import FileSide
from tests.world import Business, World, run_in
from waystate.channels.whatsapp.files import FileClient
from waystate.deliveries.model import Claimed
from waystate.documents import JsonObject
from waystate.events.model import InboundEnriched
from waystate.media.fetch import Fetcher
from waystate.media.model import MediaRecord
from waystate.media.objects import ObjectStore, open_objects
from waystate.media.scan import Scanner
from waystate.media.store import find_many
from waystate.media.thumbnail import Thumbnails
from waystate.media.worker import MediaWorker
from waystate.messages.model import InboundMessage
from waystate.pipeline.run import run_inbound
from waystate.work.loops import Hint


class Place:
    def __init__(self, world: World, side: FileSide, client: FileClient, objects: ObjectStore) -> None:
        self.world, self.side, self.client, self.objects = world, side, client, objects
        self.thumbnails = Thumbnails()
        self.worker = self.process()

    def process(self, scanner: Scanner | None = None) -> MediaWorker:
        fetcher = Fetcher(self.client, self.objects, self.thumbnails, scanner)
        return MediaWorker(self.world.db, self.world.directory, fetcher, self.world.clock, hint=Hint())

    async def receive(self, business: Business, *messages: InboundMessage) -> list[InboundEnriched]:
        """As the pipeline takes them in."""
        world = self.world
        judged = await run_in(world.db, world.directory, world.clock, business.tenant, run_inbound, messages)
        return [each for each in judged.events if isinstance(each, InboundEnriched)]

    async def fetch(self, worker: MediaWorker | None = None) -> None:
        """Whatever is due now, to its end."""
        worker = worker or self.worker
        for _ in range(100):
            await worker.step(set(), sweep=True)
            if not worker._running:
                return
            await worker.finish_running()

    async def files(self, business: Business) -> list[MediaRecord]:
        ids = await self.world.rows(business, "SELECT id FROM media_files ORDER BY id")
        async with self.world.db.tenant(business.tenant) as conn:
            found = await find_many(conn, business.tenant, [each["id"] for each in ids])
        return sorted(found.values(), key=lambda each: each.id)

    async def file(self, business: Business) -> MediaRecord:
        (file,) = await self.files(business)
        return file

    async def keys(self) -> list[str]:
        return sorted([key async for key, _ in self.objects.list_keys()])

    async def told(self, business: Business, kind: str) -> list[JsonObject]:
        rows = await self.world.rows(business, "SELECT data FROM events WHERE type = $1 ORDER BY position", kind)
        return [row["data"] for row in rows]

    async def requests(self, business: Business) -> list[JsonObject]:
        """What Genesys gets, in order."""
        sql = "SELECT request FROM deliveries WHERE target = 'genesys' ORDER BY position, event_id"
        return [row["request"] for row in await self.world.rows(business, sql)]

    async def claim(self, business: Business, **said: Any) -> list[Claimed]:
        return await self.world.claim(business, **said)


@pytest.fixture
async def place(world: World, tmp_path: Path) -> AsyncIterator[Place]:
    side = FileSide()
    async with side.client() as http:
        place = Place(world, side, FileClient(http), open_objects(None, tmp_path))
        yield place
        place.thumbnails.close()
