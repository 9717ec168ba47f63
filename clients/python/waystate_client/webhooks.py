"""Webhooks signed as https://github.com/standard-webhooks/standard-webhooks has it. Pure."""

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from waystate_client.errors import SignatureInvalid

PREFIX = "whsec_"
VERSION = "v1,"


def verify(
    body: bytes | str,
    headers: Mapping[str, str],
    secret: str | Sequence[str],
    *,
    tolerance: float = 300,
    now: float | None = None,
) -> Any:
    """The JSON of a webhook that is signed with `secret`, or with one of several, and at most `tolerance` seconds old or early.

    `body` is what came, byte for byte: JSON that was parsed and written again has another signature. `headers` may be of any
    framework, in any case. `webhook-id` names the event, and comes again with it: keep it, to handle an event once.
    Raises SignatureInvalid, which says what is wrong: answer 400 then.
    """
    raw = body.encode() if isinstance(body, str) else body
    given = {name.lower(): value for name, value in headers.items()}
    try:
        said_id, said_time, signatures = (given[f"webhook-{name}"] for name in ("id", "timestamp", "signature"))
        at = int(said_time)
    except KeyError as error:
        raise SignatureInvalid(f"The header {error} is missing: this is no signed webhook.") from None
    except ValueError:
        raise SignatureInvalid("The header webhook-timestamp is no number of seconds.") from None
    if abs((time.time() if now is None else now) - at) > tolerance:
        raise SignatureInvalid("The webhook is too old or too early: it is a replay, or a clock is wrong. Check yours.")
    secrets = [secret] if isinstance(secret, str) else list(secret)
    if not any(_is_signed(raw, said_id, at, signatures, _key(each)) for each in secrets):
        raise SignatureInvalid("The signature is not made with this secret. Check that the body is as it came, and the secret.")
    return json.loads(raw)


def _is_signed(raw: bytes, said_id: str, at: int, signatures: str, key: bytes) -> bool:
    expected = hmac.digest(key, b".".join([said_id.encode(), str(at).encode(), raw]), hashlib.sha256)
    found = [each.removeprefix(VERSION) for each in signatures.split() if each.startswith(VERSION)]
    return any(hmac.compare_digest(_decoded(each), expected) for each in found)


def _key(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("a webhook's secret is base64, with or without whsec_ before it") from None


def _decoded(signature: str) -> bytes:
    try:
        return base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return b""
