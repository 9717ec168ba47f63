"""Files that agents attached: loaded at once from Genesys' temporary address, and looked at before WhatsApp has them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from urllib.parse import urljoin

import httpx2

from waystate.clock import Clock
from waystate.db.pool import Connection, Database
from waystate.documents import JsonObject, in_one_line
from waystate.egress import NotAllowed
from waystate.ids import TenantId
from waystate.media import store
from waystate.media.fetch import Fetcher
from waystate.media.finish import Fetched
from waystate.media.inspection import Inspection
from waystate.media.model import (
    FileDirection,
    FileState,
    HeldByScanner,
    MediaRecord,
    StoredObject,
    Unfetched,
    storage_full,
)
from waystate.media.objects import ObjectStore, ObjectStoreError, object_key
from waystate.media.worker import MediaWorker
from waystate.messages.model import AttachedFile
from waystate.tenants.routing import Directory, TenantView
from waystate.work.loops import Hint

GIVE_UP_AFTER = timedelta(seconds=60)
"""Genesys' addresses live minutes, and the customer's queue waits: what did not come by then does not come."""
LONGEST = 120.0
"""Seconds that one load may take: 100 MB at a megabyte a second."""
REDIRECTS = 3
READ = 64 * 1024
"""Bytes that are taken from the network at once."""
_PASSING = frozenset({408, 425, 429})
_LONGEST_URL, _LONGEST_NAME = 4096, 240
_AGAIN = "Attach it again."


async def track_attachments(conn: Connection, tenant: TenantId, attached: Sequence[AttachedFile], now: datetime) -> None:
    """In the transaction of their messages: there is no message whose file nobody loads."""
    await store.insert_many(conn, tenant, [_record(each, now) for each in attached])


def _record(attached: AttachedFile, now: datetime) -> MediaRecord:
    is_usable = len(attached.url) <= _LONGEST_URL
    return MediaRecord(
        id=attached.id,
        direction=FileDirection.OUTBOUND,
        created_at=now,
        message_id=attached.message_id,
        phone_number_id=attached.phone_number_id,
        source_url=attached.url if is_usable else None,
        mime_type=attached.mime_type if attached.mime_type and len(attached.mime_type) <= _LONGEST_NAME else None,
        filename=in_one_line(attached.filename)[:_LONGEST_NAME] if attached.filename else None,
        state=FileState.WAITING if is_usable else FileState.FAILED,
        due_at=now if is_usable else None,
        error=None if is_usable else _error("media_fetch_failed", f"Its address is too long. {_AGAIN}"),
    )


class AttachmentClient:
    """`http` goes to anybody over TLS (`egress`), follows no redirect by itself, and carries nobody's token."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self._http = http

    async def close(self) -> None:
        await self._http.aclose()

    async def load(self, objects: ObjectStore, key: str, file: MediaRecord, room: int | None) -> StoredObject:
        """Under `key` then. Raises Unfetched, and may leave something there. `room`: bytes that may be stored; None: any."""
        try:
            async with asyncio.timeout(LONGEST), self._open(file.source_url or "") as answer:
                declared = file.mime_type or answer.headers.get("content-type")
                inspection = Inspection(declared, file.filename, room=room, believes_bytes=True)
                await objects.put(key, inspection.passing(answer.aiter_bytes(READ)))
        except NotAllowed as error:
            raise _unfetched(str(error), is_final=True) from None
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol, httpx2.LocalProtocolError) as error:
            raise _unfetched(f"its address cannot be used ({type(error).__name__})", is_final=True) from None
        except (httpx2.RequestError, TimeoutError) as error:
            raise _unfetched(f"it broke off ({type(error).__name__})") from error
        return inspection.stored_as(key)

    @asynccontextmanager
    async def _open(self, url: str) -> AsyncIterator[httpx2.Response]:
        """The file's own answer, behind a few redirects, of which each address is judged as the first was."""
        for _ in range(REDIRECTS + 1):
            async with self._http.stream("GET", url, headers={"Accept-Encoding": "identity"}) as answer:
                if answer.is_redirect:
                    url = urljoin(url, answer.headers.get("location", ""))
                    continue
                if not answer.is_success:
                    is_final = 400 <= answer.status_code < 500 and answer.status_code not in _PASSING
                    raise _unfetched(f"its address answers {answer.status_code}", is_final=is_final)
                yield answer
                return
        raise _unfetched(f"its address leads on and on, more than {REDIRECTS} times", is_final=True)


class AttachmentWorker(MediaWorker):
    """As for customers' files. What did not come in a minute fails, and its message with it."""

    name = "attachments"
    direction = FileDirection.OUTBOUND

    def __init__(
        self,
        db: Database,
        directory: Directory,
        client: AttachmentClient,
        fetcher: Fetcher,
        clock: Clock,
        *,
        hint: Hint | None = None,
        delivery_hint: Hint | None = None,
    ) -> None:
        """`delivery_hint`: a message may have waited for the file."""
        super().__init__(db, directory, fetcher, clock, hint=hint or Hint(), relay_hint=delivery_hint)
        self._client = client

    async def _attempt(self, tenant: TenantId, view: TenantView, file: MediaRecord, room: int | None) -> Fetched:
        key = object_key(tenant, file.id, file.attempts)
        objects, scanner = self._fetcher.objects, self._fetcher.scanner
        try:
            stored = await self._client.load(objects, key, file, room)
            if scanner is not None:
                await scanner.check(objects, stored, file)
            return await self._fetcher.thumbnails.add(objects, stored)
        except (Unfetched, HeldByScanner) as why:
            await objects.discard(key)
            return why
        except (ObjectStoreError, OSError) as error:
            await objects.discard(key)
            return _unfetched(f"the store of files does not take it ({type(error).__name__})")

    async def _finish(self, conn: Connection, tenant: TenantId, file: MediaRecord, fetched: Fetched, quota: int | None) -> bool:
        now = self._clock()
        match fetched:
            case StoredObject():
                if await store.take_room(conn, tenant, fetched.size, quota):
                    return await store.finish_stored(conn, tenant, file, fetched, now)
                await store.finish_refused(conn, tenant, file, FileState.FAILED, _said(storage_full()))
            case HeldByScanner():
                await store.finish_refused(conn, tenant, file, FileState.HELD, _error("media_held", str(fetched)))
            case Unfetched() if fetched.is_final or now - file.created_at >= GIVE_UP_AFTER:
                await store.finish_refused(conn, tenant, file, FileState.FAILED, _said(fetched))
            case Unfetched():
                due_at = now + timedelta(seconds=max(2.0 ** min(file.attempts - 1, 4), fetched.retry_after or 0.0))
                await store.put_off(conn, tenant, file, _said(fetched), min(due_at, file.created_at + GIVE_UP_AFTER))
        return False


def _unfetched(why: str, *, is_final: bool = False) -> Unfetched:
    return Unfetched("media_fetch_failed", f"the attached file could not be loaded: {why}. {_AGAIN}", is_final=is_final)


def _said(why: Unfetched) -> JsonObject:
    return _error(why.code, why.message)


def _error(code: str, text: str) -> JsonObject:
    """As the message's own error says it, and its agent reads it."""
    sentence = text if text[:1].isupper() else f"{text[:1].upper()}{text[1:]}"
    return {"code": code, "title": f"Not sent. {sentence}"}
