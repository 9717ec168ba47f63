"""Uploads to WhatsApp of one tenant's files, each once for a number, while the messages that show them wait.

An upload shows nobody anything: one whose answer is lost is made again, and the message leaves once.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from waystate.channels.attempts import FailureKind
from waystate.channels.model import AttemptResult, Outcome
from waystate.channels.whatsapp.client import GraphClient
from waystate.clock import Clock
from waystate.db.pool import Database
from waystate.deliveries import store as delivery_store
from waystate.deliveries.files import GONE, FileOfNumber
from waystate.deliveries.retry import GIVE_UP_AFTER, back_off, is_held
from waystate.documents import JsonObject
from waystate.errors import NotFound
from waystate.ids import TenantId
from waystate.media import store as media_store
from waystate.media.model import UPLOAD_LIFE, MediaRecord, WhatsAppCopy
from waystate.media.objects import ObjectStore
from waystate.tenants.model import WhatsAppAccount
from waystate.work.batch import with_retries

log = structlog.get_logger()

AT_ONCE = 4
"""Uploads of a tenant under way: each holds a chunk of its file."""
MOST_TRIES = 10
"""To read one file, after each of which it rests up to a minute; then its messages fail, and who waits behind them goes on."""
REMEMBERED = timedelta(minutes=10)
"""How long a refusal stands: whoever sends the same file later has it tried again."""
_UNREADABLE: JsonObject = {
    "code": "media_store_unavailable",
    "title": "Not sent: the store of files does not answer. Wait a few minutes and send it again, or tell an administrator.",
}


@dataclass(slots=True)
class _Trial:
    """`fails` in a row since `begun`; not again before `due`. `refused`: for good, said at `due`."""

    begun: datetime
    due: datetime
    fails: int = 0
    refused: JsonObject | None = None


class Uploads:
    """`told` hears what says something about a number rather than a file; `wake`: something may leave now."""

    def __init__(
        self,
        db: Database,
        tenant: TenantId,
        graph: GraphClient,
        objects: ObjectStore,
        clock: Clock,
        *,
        told: Callable[[str, AttemptResult], None],
        wake: Callable[[], None],
    ) -> None:
        self._db = db
        self._tenant = tenant
        self._graph = graph
        self._objects = objects
        self._clock = clock
        self._told = told
        self._wake = wake
        self._trials: dict[FileOfNumber, _Trial] = {}
        self._under_way: dict[FileOfNumber, asyncio.Task[None]] = {}
        self._places = asyncio.Semaphore(AT_ONCE)

    @property
    def is_busy(self) -> bool:
        return bool(self._under_way)

    def refused(self) -> dict[FileOfNumber, JsonObject]:
        """What WhatsApp does not take, with what it said."""
        now = self._clock()
        self._trials = {key: each for key, each in self._trials.items() if now - each.due < REMEMBERED}
        return {key: each.refused for key, each in self._trials.items() if each.refused is not None}

    def begin(self, wanted: Mapping[FileOfNumber, MediaRecord], accounts: Mapping[str, WhatsAppAccount]) -> None:
        """Upload these, unless one is under way or rests."""
        now = self._clock()
        for key, file in wanted.items():
            account, trial = accounts.get(key[1]), self._trials.get(key)
            if key in self._under_way or account is None or (trial is not None and now < trial.due):
                continue
            self._under_way[key] = asyncio.create_task(self._run(key, file, account))

    async def finish(self) -> None:
        """Until those that are under way have ended."""
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    async def close(self) -> None:
        """What is under way is broken off; whoever sends the message uploads again."""
        for task in self._under_way.values():
            task.cancel()
        await self.finish()

    async def _run(self, key: FileOfNumber, file: MediaRecord, account: WhatsAppAccount) -> None:
        try:
            async with self._places:
                result = await self._upload(file, account)
            await self._settle(key, result)
        except Exception as error:
            log.error("An upload could not be written down; it is made again.", operation="uploads", exc_info=error)
        finally:
            del self._under_way[key]
            self._wake()

    async def _upload(self, file: MediaRecord, account: WhatsAppAccount) -> AttemptResult:
        try:
            return await self._graph.upload_media(
                api_url=account.api_url,
                phone_number_id=account.phone_number_id,
                access_token=account.access_token,
                mime_type=file.mime_type or "",
                size=file.size or 0,
                content=await self._objects.get(file.object_key or ""),
            )
        except NotFound:
            return AttemptResult(outcome=Outcome.FAILED, error=GONE)
        except Exception as error:
            log.warning("A file could not be read for its upload.", operation="uploads", error=type(error).__name__)
            return AttemptResult(outcome=Outcome.RETRY, error=_UNREADABLE)

    async def _settle(self, key: FileOfNumber, result: AttemptResult) -> None:
        now = self._clock()
        trial = self._trials.pop(key, None) or _Trial(now, now)
        if result.outcome is not Outcome.SENT:
            self._trials[key] = trial = _after(trial, result, now)
            log.warning("A file was not uploaded.", operation="uploads", error=result.error, is_final=trial.refused is not None)
            self._told(key[1], result)
            if trial.refused is None:
                return
        copy = None if result.external_id is None else _copy(key, result.external_id, now)

        async def write() -> None:
            async with self._db.tenant(self._tenant) as conn:
                if copy is not None:
                    await media_store.upsert_upload(conn, self._tenant, copy)
                await delivery_store.hasten_all(conn, self._tenant, key[1], key[0], now)

        await with_retries(write)


def _after(trial: _Trial, result: AttemptResult, now: datetime) -> _Trial:
    """What is no fault of the file is tried again, as long as a message without one would be."""
    fails = trial.fails + 1
    is_refused = result.outcome is Outcome.FAILED and not is_held(result)
    is_unreadable = result.error == _UNREADABLE and fails >= MOST_TRIES
    if is_refused or is_unreadable or now - trial.begun >= GIVE_UP_AFTER:
        return _Trial(trial.begun, now, fails, refusal_of(result.error))
    return _Trial(trial.begun, now + back_off(fails, result.retry_after), fails)


def refusal_of(error: JsonObject | None) -> JsonObject:
    """In words of the file: WhatsApp says 100 of an upload's type as of a message that it cannot read."""
    told = error or {}
    if told.get("code") in (100, 131009) and told.get("kind") == FailureKind.REQUEST:
        said = told.get("details") or told.get("title") or "it gave no reason"
        title = f"Not sent: WhatsApp does not take the file. It says: {said}"
        return {"code": "media_refused", "title": title, "kind": FailureKind.REQUEST.value}
    return told


def _copy(key: FileOfNumber, external_id: str, now: datetime) -> WhatsAppCopy:
    file_id, number = key
    return WhatsAppCopy(
        media_id=file_id,
        phone_number_id=number,
        external_id=external_id,
        uploaded_at=now,
        expires_at=now + UPLOAD_LIFE,
    )
