"""Known answers come from `openssl dgst -sha256 -hmac SECRET` (hex for Meta, `-binary | openssl base64` for Genesys)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waystate.channels.signature import sign_as_genesys, sign_as_meta, verify

BODY = rb'{"object":"whatsapp_business_account","text":"caf\u00e9 \/"}'
META_SECRET, META_HEADER = b"app-secret-of-a-test", "sha256=9d373d517fa53ed307d5ee6c2757eba4d4c7b21298569e638fc7b463e97e4ab9"
GENESYS_SECRET, GENESYS_HEADER = b"integration-secret-of-a-test", "sha256=GxpQ4i7zpxCnFsfC4LM6Sj2swUbfb8NCllh0sGaWosI="
RFC_4231 = (b"Jefe", b"what do ya want for nothing?")

CHANNELS = [
    pytest.param(sign_as_meta, META_SECRET, META_HEADER, id="whatsapp"),
    pytest.param(sign_as_genesys, GENESYS_SECRET, GENESYS_HEADER, id="genesys"),
]


@pytest.mark.parametrize(("sign", "secret", "header"), CHANNELS)
def test_signature_is_the_one_openssl_computes(sign, secret, header):
    assert sign(secret, BODY) == header
    assert verify(sign, secret, BODY, header)
    assert verify(sign, secret, BODY, header.encode())


def test_both_encodings_of_the_rfc_4231_vector():
    assert sign_as_meta(*RFC_4231) == "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert sign_as_genesys(*RFC_4231) == "sha256=W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM="


def test_neither_platform_takes_the_other_ones_encoding():
    assert not verify(sign_as_meta, GENESYS_SECRET, BODY, GENESYS_HEADER)
    assert not verify(sign_as_genesys, META_SECRET, BODY, META_HEADER)


@pytest.mark.parametrize(("sign", "secret", "header"), CHANNELS)
@pytest.mark.parametrize("mutate", ["drop_prefix", "shorten", "lengthen", "other_case", "space", "sha1"])
def test_mutated_header_is_refused(sign, secret, header, mutate):
    mutated = {
        "drop_prefix": header.removeprefix("sha256="),
        "shorten": header[:-1],
        "lengthen": header + "0",
        "other_case": header.swapcase(),
        "space": header.replace("=", "= ", 1),
        "sha1": header.replace("sha256", "sha1"),
    }[mutate]
    assert not verify(sign, secret, BODY, mutated)


@pytest.mark.parametrize(("sign", "secret", "header"), CHANNELS)
def test_every_changed_byte_of_the_body_is_noticed(sign, secret, header):
    for position in range(len(BODY)):
        changed = bytearray(BODY)
        changed[position] ^= 1
        assert not verify(sign, secret, bytes(changed), header), position


@pytest.mark.parametrize(("sign", "secret", "header"), CHANNELS)
def test_missing_header_and_wrong_or_empty_secret_are_refused(sign, secret, header):
    assert not verify(sign, secret, BODY, None)
    assert not verify(sign, secret, BODY, "")
    assert not verify(sign, secret + b"x", BODY, header)
    assert not verify(sign, b"", BODY, sign(b"", BODY))


@pytest.mark.parametrize(("sign", "secret", "header"), CHANNELS)
def test_header_that_is_not_ascii_is_refused_without_an_exception(sign, secret, header):
    for odd in ("sha256=é", "sha256=\ud800", header + "\udcff", "\x00", b"\xff\xfe"):
        assert not verify(sign, secret, BODY, odd)


@given(header=st.one_of(st.text(), st.binary()), secret=st.binary(), body=st.binary())
def test_no_header_raises_or_passes_by_chance(header, secret, body):
    assert not verify(sign_as_meta, secret, body, header)
    assert not verify(sign_as_genesys, secret, body, header)
