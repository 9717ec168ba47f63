"""Signed webhooks to Waystate, delivered and retried as the two platforms do it."""

import base64
import hashlib
import hmac
import json
from asyncio import sleep
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from random import Random

import httpx2

from waystate.documents import JsonObject
from waystate.simulator.config import SimulatorConfig
from waystate.simulator.faults import Faults
from waystate.simulator.lines import Tasks

SIGNATURE = "x-hub-signature-256"
OK = 200
TOO_MANY = 429
SERVER_ERROR = 500
OF_A_NUMBER = frozenset(
    {
        *("account_settings_update", "calls", "history", "messages", "smb_app_state_sync", "smb_message_echoes", "standby"),
        "user_preferences",
    }
)
_INBOUND = bytes([0x15, 2, 0, 0x12, 0x18])
_OUTBOUND = bytes([0x15, 2, 0, 0x11, 0x18])


# The far side does its own arithmetic: with Waystate's functions a mistake there would agree with itself.
def hex_signature(secret: bytes, body: bytes) -> str:
    """Meta's, over the raw bytes."""
    return "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()


def base64_signature(secret: bytes, body: bytes) -> str:
    """Genesys': the same header, another encoding."""
    return "sha256=" + base64.b64encode(hmac.new(secret, body, hashlib.sha256).digest()).decode()


def render_meta_body(document: JsonObject) -> bytes:
    r"""JSON as Meta writes it: `\u` escapes with lower-case digits, and `\/`."""
    return json.dumps(document, separators=(",", ":")).replace("/", "\\/").encode()


def render_genesys_body(document: JsonObject) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookTerms:
    """How a platform delivers: what counts as taken, what it tries again (None: no answer at all), and after which pauses."""

    url: str
    timeout: float
    headers: Callable[[bytes], Mapping[str, str]]
    """What it says beside `Content-Type`: its signature, and what it was told to say."""
    is_taken: Callable[[int | None], bool]
    is_retried: Callable[[int | None], bool]
    pauses: Callable[[], Iterator[float]]


def meta_terms(config: SimulatorConfig) -> WebhookTerms:
    secret = config.app_secret.encode()
    return WebhookTerms(
        url=config.whatsapp_webhook_url,
        timeout=config.webhook_timeout,
        headers=lambda body: {SIGNATURE: hex_signature(secret, body)},
        is_taken=lambda status: status == OK,
        is_retried=lambda _: True,
        pauses=lambda: doubling(config.meta_retry_first, config.meta_retry_longest, config.meta_retry_for),
    )


def genesys_terms(config: SimulatorConfig, url: str, secret: str, headers: Mapping[str, str]) -> WebhookTerms:
    """Of one integration: its address, its secret, its own `webhookHeaders`."""
    key, factor = secret.encode(), config.genesys_time_factor
    return WebhookTerms(
        url=url,
        timeout=config.webhook_timeout * factor,
        headers=lambda body: {**headers, SIGNATURE: base64_signature(key, body)},
        is_taken=lambda status: status is not None and OK <= status < OK + 100,
        is_retried=lambda status: status is None or status == TOO_MANY or status >= SERVER_ERROR,
        pauses=lambda: iter([config.genesys_retry_interval * factor] * config.genesys_retries),
    )


def doubling(first: float, longest: float, total: float) -> Iterator[float]:
    pause, waited = max(first, 0.001), 0.0
    while waited < total:
        yield pause
        waited += pause
        pause = min(2 * pause, longest)


class Webhooks:
    """`tally` counts `accepted`, `retried`, `copies` (by the fault `duplicates`), `refused` (an answer that is not retried)
    and `given_up` (all retries used)."""

    def __init__(self, client: httpx2.AsyncClient, tasks: Tasks, faults: Faults, random: Random) -> None:
        self._client = client
        self._tasks = tasks
        self._faults = faults
        self._random = random
        self.tally: Counter[str] = Counter()

    async def deliver(self, body: bytes, terms: WebhookTerms) -> bool:
        """Until it is taken or the platform would give up; whether it was taken."""
        self._start_copies(body, terms)
        for pause in terms.pauses():
            status = await self._post(body, terms)
            if terms.is_taken(status) or not terms.is_retried(status):
                return self._settle(status, terms)
            self.tally["retried"] += 1
            await sleep(pause)
        return self._settle(await self._post(body, terms), terms)

    def _settle(self, status: int | None, terms: WebhookTerms) -> bool:
        taken = terms.is_taken(status)
        self.tally["accepted" if taken else "given_up" if terms.is_retried(status) else "refused"] += 1
        return taken

    def _start_copies(self, body: bytes, terms: WebhookTerms) -> None:
        if self._faults.strikes("duplicates"):
            for _ in range(self._random.randint(1, 3)):
                self.tally["copies"] += 1
                self._tasks.start(self._copy(body, terms, self._random.choice((0.0, 0.0, 0.05, 0.5))))

    async def _copy(self, body: bytes, terms: WebhookTerms, delay: float) -> None:
        await sleep(delay)
        await self._post(body, terms)

    async def _post(self, body: bytes, terms: WebhookTerms) -> int | None:
        headers = {"content-type": "application/json", **terms.headers(body)}
        try:
            answer = await self._client.post(
                terms.url, content=body, headers=headers, timeout=httpx2.Timeout(terms.timeout, pool=None)
            )
        except (httpx2.TransportError, AttributeError):
            # The client looks at the socket once it is connected; of a server that was killed in between there is none.
            return None
        return answer.status_code


class MetaWebhooks:
    """Those to Meta's one address."""

    def __init__(self, terms: WebhookTerms, webhooks: Webhooks) -> None:
        self._terms = terms
        self._webhooks = webhooks
        self.tally = webhooks.tally

    async def deliver(self, body: bytes) -> bool:
        return await self._webhooks.deliver(body, self._terms)


def new_wamid(user: str, random: Random, *, outbound: bool = False) -> str:
    """As real ones: base64 of a frame that holds the user's number and 18 or 20 hex digits of the message."""
    number = user.encode()
    digits = random.randbytes(9 if outbound else 10).hex().upper().encode()
    frame = bytes([0x1C, 0x18, len(number)]) + number + (_OUTBOUND if outbound else _INBOUND) + bytes([len(digits)]) + digits
    return "wamid." + base64.b64encode(frame + b"\x00").decode()


def render_envelope(config: SimulatorConfig, value: JsonObject) -> JsonObject:
    """One change of the field `messages`; `value` brings contacts with messages or statuses."""
    metadata = {"display_phone_number": config.display_phone_number, "phone_number_id": config.phone_number_id}
    change = {"value": {"messaging_product": "whatsapp", "metadata": metadata, **value}, "field": "messages"}
    return {"object": "whatsapp_business_account", "entry": [{"id": config.waba_id, "changes": [change]}]}


def render_account_change(config: SimulatorConfig, field: str, value: JsonObject, at: datetime) -> JsonObject:
    """One change of the account itself, which names no number."""
    entry = {"id": config.waba_id, "time": int(at.timestamp()), "changes": [{"value": value, "field": field}]}
    return {"object": "whatsapp_business_account", "entry": [entry]}


def render_change(config: SimulatorConfig, field: str, value: JsonObject, at: datetime) -> JsonObject:
    """One change of any field. Those of a number name it, those of the account have a time of their own."""
    if field not in OF_A_NUMBER and not field.startswith("group_"):
        return render_account_change(config, field, value, at)
    envelope = render_envelope(config, value)
    envelope["entry"][0]["changes"][0]["field"] = field
    return envelope


def without_none(document: JsonObject) -> JsonObject:
    return {key: value for key, value in document.items() if value is not None}


def find_text(message: JsonObject) -> str | None:
    """The body of a text message, the same in both directions, or the words below a file."""
    match message:
        case {"text": {"body": str(body)}}:
            return body
        case {"image": {"caption": str(body)}} | {"document": {"caption": str(body)}} | {"video": {"caption": str(body)}}:
            return body
    return None
