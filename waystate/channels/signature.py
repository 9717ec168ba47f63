"""`X-Hub-Signature-256` of webhooks: HMAC-SHA256(secret, raw body), in hex from Meta, in base64 from Genesys.

Sources: Meta's Graph API, webhooks, "Validate payloads"; Genesys Cloud's Open Messaging, outbound webhook.
"""

import hmac
from base64 import b64encode
from collections.abc import Callable

Sign = Callable[[bytes, bytes], str]
"""(secret, body) to the full header value."""


def sign_as_meta(secret: bytes, body: bytes) -> str:
    return "sha256=" + hmac.digest(secret, body, "sha256").hex()


def sign_as_genesys(secret: bytes, body: bytes) -> str:
    return "sha256=" + b64encode(hmac.digest(secret, body, "sha256")).decode()


def verify(sign: Sign, secret: bytes, body: bytes, header: str | bytes | None) -> bool:
    """Tells whether the header signs these bytes. An empty secret verifies nothing: anyone could sign with it."""
    if not secret or header is None:
        return False
    given = header.encode("utf-8", "replace") if isinstance(header, str) else header
    return hmac.compare_digest(sign(secret, body).encode(), given)
