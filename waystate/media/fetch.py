"""One customer's file from WhatsApp into the object store: compared with what was said of it, scanned, and made small."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

from waystate.channels.fields import find_text
from waystate.channels.whatsapp.files import FileClient, FileRefused
from waystate.documents import JsonObject
from waystate.ids import TenantId
from waystate.media.inbound import parse_sha256
from waystate.media.model import LARGEST, URL_LIFE, MediaRecord, StoredObject, Unfetched, storage_full
from waystate.media.objects import ObjectStore, ObjectStoreError, object_key
from waystate.media.scan import Scanner
from waystate.media.thumbnail import Thumbnails
from waystate.tenants.model import WhatsAppAccount

_GONE = "Its address leads nowhere any more."


@dataclass(frozen=True, slots=True)
class Fetcher:
    """What fetching takes. `scanner` is None where the operator names none."""

    client: FileClient
    objects: ObjectStore
    thumbnails: Thumbnails
    scanner: Scanner | None = None

    async def close(self) -> None:
        """After all work has ended."""
        self.thumbnails.close()
        await self.objects.close()
        await self.client.close()
        if self.scanner is not None:
            await self.scanner.close()

    async def fetch(
        self, tenant: TenantId, file: MediaRecord, account: WhatsAppAccount, room: int | None, now: datetime
    ) -> StoredObject:
        """Returns what is stored then. Raises Unfetched, or HeldByScanner, and leaves nothing in the store.

        `room`: bytes that the tenant may store still; None: any.
        """
        key = object_key(tenant, file.id, file.attempts)
        try:
            stored = await self._download(key, file, account, room, now)
            if self.scanner is not None:
                await self.scanner.check(self.objects, stored, file)
            return await self.thumbnails.add(self.objects, stored)
        except BaseException as error:
            await self.objects.discard(key)
            if isinstance(error, FileRefused):
                raise _unfetched(error) from error
            if isinstance(error, ObjectStoreError | OSError):
                raise Unfetched("object_store", f"The object store does not take it: {type(error).__name__}.") from error
            raise

    async def _download(
        self, key: str, file: MediaRecord, account: WhatsAppAccount, room: int | None, now: datetime
    ) -> StoredObject:
        if file.source_url is not None and now - file.created_at < URL_LIFE:
            try:
                return await self._put(key, file, file.source_url, account, room)
            except FileRefused as error:
                if not error.is_gone:
                    raise
        try:
            return await self._put_described(key, file, account, room)
        except FileRefused as error:
            # An address may be over by the time it is asked: then WhatsApp names another.
            if error.result.http_status != 404:
                raise
        return await self._put_described(key, file, account, room)

    async def _put_described(self, key: str, file: MediaRecord, account: WhatsAppAccount, room: int | None) -> StoredObject:
        described = await self.client.describe(
            api_url=account.api_url,
            media_id=file.external_id or "",
            phone_number_id=file.phone_number_id,
            access_token=account.access_token,
        )
        size = described.get("file_size")
        if isinstance(size, int):
            _check_size(size, room)
        return await self._put(key, file, find_text(described, "url") or "", account, room, described)

    async def _put(
        self,
        key: str,
        file: MediaRecord,
        url: str,
        account: WhatsAppAccount,
        room: int | None,
        described: JsonObject | None = None,
    ) -> StoredObject:
        """`described`: what the API says of it, beside what the webhook said."""
        said = {each for each in (file.sha256, parse_sha256((described or {}).get("sha256"))) if each is not None}
        hashed, size = hashlib.sha256(), 0

        async def passing() -> AsyncIterator[bytes]:
            nonlocal size
            async for chunk in self.client.read(url, account.access_token):
                size += len(chunk)
                _check_size(size, room)
                hashed.update(chunk)
                yield chunk
            # Before the store has its last part: what is not what it is said to be is never stored.
            if said - {hashed.digest()}:
                raise Unfetched(
                    "wrong_hash", "Its SHA-256 is not the one that WhatsApp told: it was changed or cut on the way."
                )

        await self.objects.put(key, passing())
        kind = file.mime_type or find_text(described, "mime_type")
        return StoredObject(object_key=key, size=size, sha256=hashed.digest(), mime_type=kind)


def _check_size(size: int, room: int | None) -> None:
    if size > LARGEST:
        raise Unfetched("too_large", f"It has more than {LARGEST} bytes, which no file of WhatsApp has.", is_final=True)
    if room is not None and size > room:
        raise storage_full()


def _unfetched(refused: FileRefused) -> Unfetched:
    """Nothing that WhatsApp says is taken for the end: tokens are mended, numbers are registered, seven days are long."""
    result = refused.result
    error = result.error or {}
    code = str(error.get("code") or f"http_{result.http_status}")
    words = error.get("title") or error.get("message") or (_GONE if result.http_status == 404 else None)
    return Unfetched(code, str(words or f"WhatsApp answered {result.http_status}."), retry_after=result.retry_after)
