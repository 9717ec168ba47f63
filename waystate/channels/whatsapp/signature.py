"""`X-Hub-Signature-256` of Meta's webhooks: lowercase hex of HMAC-SHA256(app secret, raw body)."""

import hmac


def sign(secret: bytes, body: bytes) -> str:
    """The full header value."""
    return "sha256=" + hmac.digest(secret, body, "sha256").hex()


def verify(secret: bytes, body: bytes, header: str | bytes | None) -> bool:
    """Whether the header signs these bytes. An empty secret verifies nothing: anyone could sign with it."""
    if not secret or header is None:
        return False
    given = header.encode("utf-8", "replace") if isinstance(header, str) else header
    return hmac.compare_digest(sign(secret, body).encode(), given)
