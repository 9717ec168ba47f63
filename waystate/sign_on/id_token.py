"""Whether an ID token is the provider's answer to this login (OpenID Connect Core, section 3.1.3.7). Pure.

The libraries are loaded at the first login: they take a tenth of a second, which most processes never need.
"""

from datetime import datetime
from typing import Any

from waystate.documents import JsonObject
from waystate.errors import Unauthorized

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA")
"""Signatures by a key that only the provider has. `none` is no signature; HS… would make the client's secret a key."""
LEEWAY = 60
"""Seconds that the provider's clock and ours may differ."""

_MOST_KEYS = 100
_RSA_BITS = range(2048, 8193)


class UnknownKey(Exception):
    """The token names a key that is not among these: the provider may have new ones."""


def verify_id_token(
    token: str, jwks: JsonObject, *, issuer: str, client_id: str, nonce: str, access_token: str | None, now: datetime
) -> JsonObject:
    """Its claims. `UnknownKey`, or `Unauthorized` that names what is wrong with it."""
    from authlib.oidc.core.claims import CodeIDToken  # type: ignore[import-untyped]
    from joserfc.errors import InvalidKeyIdError, JoseError
    from joserfc.jws import JWSRegistry
    from joserfc.jwt import decode

    try:
        registry = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
        decoded = decode(token, _key_set(jwks), list(ALGORITHMS), registry)
        expected: dict[str, Any] = {
            "iss": {"essential": True, "value": issuer},
            "aud": {"essential": True, "value": client_id},
            "nonce": {"essential": True, "value": nonce},
        }
        params = {"client_id": client_id, "nonce": nonce, "access_token": access_token}
        claims = CodeIDToken(decoded.claims, decoded.header, expected, params)
        claims.validate(now=int(now.timestamp()), leeway=LEEWAY)
    except InvalidKeyIdError:
        raise UnknownKey from None
    except JoseError as error:
        raise refused_token(_reason(error)) from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise refused_token("it cannot be read") from None
    if isinstance(claims["aud"], list) and len(claims["aud"]) > 1 and claims.get("azp") != client_id:
        raise refused_token("it is for several applications, and azp does not name this one")
    return dict(decoded.claims)


def refused_token(reason: str) -> Unauthorized:
    return Unauthorized(
        "id_token_refused",
        f"The identity provider's token was not accepted: {reason}. Begin again; if it stays, the tenant's owner must compare "
        "issuer and client id with the provider's, and both clocks.",
    )


def _key_set(jwks: JsonObject) -> Any:
    """The keys that could have signed; what is broken or of another use is passed over, as RFC 7517 wants it."""
    from joserfc.errors import JoseError
    from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey

    kinds: dict[object, Any] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
    listed = jwks.get("keys")
    found = []
    for each in listed[:_MOST_KEYS] if isinstance(listed, list) else []:
        if not isinstance(each, dict) or each.get("use", "sig") != "sig" or "d" in each:
            continue
        kind = each.get("kty")
        try:
            # The bits are counted first: the library takes keys that are too small, with a warning.
            if kind not in kinds or (kind == "RSA" and len(str(each["n"])) * 6 + 6 < _RSA_BITS.start):
                continue
            key = kinds[kind].import_key(each)
            if kind != "RSA" or key.raw_value.key_size in _RSA_BITS:
                found.append(key)
        except (JoseError, ValueError, TypeError, KeyError, AttributeError):
            continue
    return KeySet(found)


def _reason(error: Any) -> str:
    """Which claim, or what about the signature; never a value."""
    match error.error:
        case "expired_token":
            return "it has expired"
        case "bad_signature":
            return "its signature is wrong"
        case "unsupported_algorithm":
            return "it is signed in a way that is not allowed"
        case "invalid_claim":
            return f"its claim {error.claim} is wrong"
        case "missing_claim":
            return f"its claim {error.claim} is missing"
    return "it cannot be read"
