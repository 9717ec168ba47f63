"""Signed addresses of files: whoever has one may load that file until it ends, and nothing else. Pure."""

import base64
import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import urlencode
from uuid import UUID

from waystate.errors import Forbidden
from waystate.ids import TenantId

FOR_CALLERS = timedelta(hours=1)
"""How long an address lives that `GET /v1/media/{id}` answers: it is asked again whenever somebody looks."""
FOR_GENESYS = timedelta(days=7)
"""How long one lives that an agent gets: Genesys loads it at once, and again while it tries; who reads it later asks us."""
PURPOSE = "media addresses"
"""What the key is derived for."""

Variant = Literal["file", "thumbnail"]


@dataclass(frozen=True, slots=True)
class Links:
    """`origin` is where the world reaches us (PUBLIC_URL), None where nobody said: then addresses are paths."""

    key: bytes = field(repr=False)
    origin: str | None

    def reaches(self, api_url: str) -> bool:
        """Whether the platform at `api_url` can load them: one on this machine whatever is here, all others over TLS alone."""
        if self.origin is None:
            return False
        return self.origin.startswith("https://") or api_url.startswith("http://")

    def address(self, tenant: TenantId, file_id: UUID, expires_at: datetime, variant: Variant = "file") -> str:
        expires = int(expires_at.timestamp())
        query = urlencode({"expires": expires, "signature": self._sign(tenant, file_id, expires, variant)})
        return f"{self.origin or ''}/media/{tenant}/{file_id}{'/thumbnail' if variant == 'thumbnail' else ''}?{query}"

    def check(self, tenant: str, file_id: UUID, expires: int, signature: str, now: datetime, variant: Variant = "file") -> None:
        """Raises Forbidden; of what is signed and over it says so, of what is not signed nothing."""
        expected = self._sign(tenant, file_id, expires, variant)
        if not hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace")):
            raise Forbidden(
                "invalid_signature", "The address was changed, or never was one. Ask GET /v1/media/{id} for another."
            )
        if now.timestamp() >= expires:
            raise Forbidden("address_expired", "The address is over. Ask GET /v1/media/{id} for another.")

    def _sign(self, tenant: str, file_id: UUID, expires: int, variant: Variant) -> str:
        said = f"{tenant}\n{file_id}\n{variant}\n{expires}".encode()
        return base64.urlsafe_b64encode(hmac.digest(self.key, said, hashlib.sha256)).rstrip(b"=").decode()
