"""Known answers come from `openssl dgst -sha256 -hmac SECRET` (hex for Meta, `-binary | openssl base64` for Genesys)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waystate.channels.genesys import signature as genesys
from waystate.channels.whatsapp import signature as whatsapp

BODY = rb'{"object":"whatsapp_business_account","text":"caf\u00e9 \/"}'
META_SECRET, META_HEADER = b"app-secret-of-a-test", "sha256=9d373d517fa53ed307d5ee6c2757eba4d4c7b21298569e638fc7b463e97e4ab9"
GENESYS_SECRET, GENESYS_HEADER = b"integration-secret-of-a-test", "sha256=GxpQ4i7zpxCnFsfC4LM6Sj2swUbfb8NCllh0sGaWosI="
RFC_4231 = (b"Jefe", b"what do ya want for nothing?")

CHANNELS = [
    pytest.param(whatsapp, META_SECRET, META_HEADER, id="whatsapp"),
    pytest.param(genesys, GENESYS_SECRET, GENESYS_HEADER, id="genesys"),
]


@pytest.mark.parametrize(("channel", "secret", "header"), CHANNELS)
def test_signature_is_the_one_openssl_computes(channel, secret, header):
    assert channel.sign(secret, BODY) == header
    assert channel.verify(secret, BODY, header)
    assert channel.verify(secret, BODY, header.encode())


def test_both_encodings_of_the_rfc_4231_vector():
    assert whatsapp.sign(*RFC_4231) == "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert genesys.sign(*RFC_4231) == "sha256=W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM="


def test_neither_platform_takes_the_other_ones_encoding():
    assert not whatsapp.verify(GENESYS_SECRET, BODY, GENESYS_HEADER)
    assert not genesys.verify(META_SECRET, BODY, META_HEADER)


@pytest.mark.parametrize(("channel", "secret", "header"), CHANNELS)
@pytest.mark.parametrize("mutate", ["drop_prefix", "shorten", "lengthen", "other_case", "space", "sha1"])
def test_mutated_header_is_refused(channel, secret, header, mutate):
    mutated = {
        "drop_prefix": header.removeprefix("sha256="),
        "shorten": header[:-1],
        "lengthen": header + "0",
        "other_case": header.swapcase(),
        "space": header.replace("=", "= ", 1),
        "sha1": header.replace("sha256", "sha1"),
    }[mutate]
    assert not channel.verify(secret, BODY, mutated)


@pytest.mark.parametrize(("channel", "secret", "header"), CHANNELS)
def test_every_changed_byte_of_the_body_is_noticed(channel, secret, header):
    for position in range(len(BODY)):
        changed = bytearray(BODY)
        changed[position] ^= 1
        assert not channel.verify(secret, bytes(changed), header), position


@pytest.mark.parametrize(("channel", "secret", "header"), CHANNELS)
def test_missing_header_and_wrong_or_empty_secret_are_refused(channel, secret, header):
    assert not channel.verify(secret, BODY, None)
    assert not channel.verify(secret, BODY, "")
    assert not channel.verify(secret + b"x", BODY, header)
    assert not channel.verify(b"", BODY, channel.sign(b"", BODY))


@pytest.mark.parametrize(("channel", "secret", "header"), CHANNELS)
def test_header_that_is_not_ascii_is_refused_without_an_exception(channel, secret, header):
    for odd in ("sha256=é", "sha256=\ud800", header + "\udcff", "\x00", b"\xff\xfe"):
        assert not channel.verify(secret, BODY, odd)


@given(header=st.one_of(st.text(), st.binary()), secret=st.binary(), body=st.binary())
def test_no_header_raises_or_passes_by_chance(header, secret, body):
    assert not whatsapp.verify(secret, body, header)
    assert not genesys.verify(secret, body, header)
