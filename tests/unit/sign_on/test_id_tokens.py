"""A token is good only with everything right at once; clocks may differ a little."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey

from waystate.errors import Unauthorized
from waystate.sign_on.id_token import LEEWAY, UnknownKey, verify_id_token

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ISSUER, CLIENT, NONCE = "https://idp.example.com/", "client", "nonce"
KEYS: dict[str, Any] = {
    "RS256": RSAKey.generate_key(2048, {"kid": "rsa"}),
    "PS256": RSAKey.generate_key(2048, {"kid": "pss"}),
    "ES256": ECKey.generate_key("P-256", {"kid": "ec"}),
    "Ed25519": OKPKey.generate_key("Ed25519", {"kid": "ed"}),
}
JWKS = {"keys": [each.as_dict(private=False) for each in KEYS.values()]}


def token(algorithm: str = "RS256", **changes: Any) -> str:
    at = int(NOW.timestamp())
    claims = {"iss": ISSUER, "aud": CLIENT, "sub": "ada", "nonce": NONCE, "iat": at, "exp": at + 300} | changes
    key = KEYS[algorithm]
    return jwt.encode({"alg": algorithm, "kid": key.kid}, claims, key, algorithms=[algorithm])


def verify(text: str, jwks: dict[str, Any] = JWKS, *, late: float = 0) -> dict[str, Any]:
    return verify_id_token(
        text, jwks, issuer=ISSUER, client_id=CLIENT, nonce=NONCE, access_token=None, now=NOW + timedelta(seconds=late)
    )


@pytest.mark.parametrize("algorithm", KEYS)
def test_every_kind_of_key_that_only_the_provider_has_can_sign(algorithm: str) -> None:
    assert verify(token(algorithm))["sub"] == "ada"


@pytest.mark.parametrize(
    ("late", "is_good"), [(0, True), (299 + LEEWAY, True), (300 + LEEWAY, False), (-LEEWAY, True), (-LEEWAY - 1, False)]
)
def test_the_clocks_may_differ_by_the_leeway(late: float, is_good: bool) -> None:
    if is_good:
        assert verify(token(), late=late)["sub"] == "ada"
    else:
        with pytest.raises(Unauthorized):
            verify(token(), late=late)


@pytest.mark.parametrize("issuer", ["https://idp.example.com", "https://idp.example.com//", "https://IDP.example.com/"])
def test_an_issuer_must_be_the_same_to_the_character(issuer: str) -> None:
    with pytest.raises(Unauthorized, match="iss"):
        verify(token(iss=issuer))


@pytest.mark.parametrize("text", ["", "a.b", "a.b.c", "..", "é.é.é", "a.b.c.d.e", "x" * 200_000, "W10.W10.", "e30.e30."])
def test_what_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(Unauthorized):
        verify(text)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), True, "9999999999", [], {}])
def test_a_time_that_is_no_number_is_refused(value: Any) -> None:
    with pytest.raises(Unauthorized):
        verify(token(exp=value))


@pytest.mark.parametrize(
    "jwks",
    [
        {},
        {"keys": None},
        {"keys": []},
        {"keys": "x"},
        {"keys": [None, 1, "x", {}, {"kty": []}, {"kty": "RSA", "n": 1, "e": []}, {"kty": "oct", "k": "AAAA", "kid": "rsa"}]},
        {"keys": [KEYS["RS256"].as_dict(private=False) | {"use": "enc"}]},
        {"keys": [KEYS["RS256"].as_dict(private=True)]},
    ],
)
def test_a_set_without_the_key_has_not_the_key(jwks: dict[str, Any]) -> None:
    with pytest.raises(UnknownKey):
        verify(token(), jwks)


def test_a_key_of_one_kind_does_not_check_a_signature_of_another() -> None:
    mixed = {"keys": [KEYS["ES256"].as_dict(private=False) | {"kid": "rsa"}]}
    with pytest.raises(Unauthorized):
        verify(token(), mixed)


def test_a_short_key_is_none() -> None:
    short = KEYS["RS256"].as_dict(private=False) | {"n": "u1SU1LfVLPHCozMxH2Mo4lgOEePzNm0tRgeLezV6ffAt0gunVTLw7onLRnrq0"}
    with pytest.raises(UnknownKey):
        verify(token(), {"keys": [short]})


def test_a_header_that_must_be_understood_and_is_not_is_refused() -> None:
    head, payload, signature = token().split(".")
    critical = base64.urlsafe_b64encode(b'{"alg":"RS256","kid":"rsa","crit":["new"],"new":1}').rstrip(b"=").decode()
    with pytest.raises(Unauthorized, match="cannot be read"):
        verify(f"{critical}.{payload}.{signature}")
    assert head != critical
