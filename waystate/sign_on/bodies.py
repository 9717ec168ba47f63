"""What `/v1/tenant/identity-provider` takes and answers. The client secret only ever comes in."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from waystate.documents import JsonObject
from waystate.errors import Unprocessable
from waystate.sign_on.model import IdentityProvider, Issuer, ProviderSettings
from waystate.tenants.model import SecretText, Word


class ProviderBody(BaseModel):
    """`client_secret` may be left out where one is kept already, for the same issuer and client."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    issuer: Issuer
    client_id: Word
    client_secret: Annotated[SecretText | None, Field(repr=False)] = None
    settings: ProviderSettings = ProviderSettings()

    def provider(self, before: IdentityProvider | None) -> IdentityProvider:
        """A kept secret goes to the issuer and client it was entered for, and to no other."""
        secret = self.client_secret
        if secret is None and before is not None and (before.issuer, before.client_id) == (self.issuer, self.client_id):
            secret = before.client_secret
        if secret is None:
            problem = {"field": "client_secret", "problem": "is needed for a new issuer or client"}
            raise Unprocessable(
                "invalid_request", "Not usable: client_secret. Send the provider's client secret.", errors=[problem]
            )
        return IdentityProvider(issuer=self.issuer, client_id=self.client_id, client_secret=secret, settings=self.settings)


class ProviderAnswer(BaseModel):
    """`redirect_uri` is what the provider must be told; null as long as PUBLIC_URL is not set. The secret is never shown."""

    issuer: str
    client_id: str
    settings: ProviderSettings
    redirect_uri: str | None
    login_path: str
    created_at: datetime


PROVIDER_EXAMPLE: JsonObject = {
    "issuer": "https://login.example.com",
    "client_id": "waystate",
    "settings": {"allowed_domains": ["example.com"], "default_role": "agent"},
    "redirect_uri": "https://waystate.example.com/v1/auth/oidc/acme/callback",
    "login_path": "/v1/auth/oidc/acme",
    "created_at": "2026-01-31T12:00:00Z",
}
