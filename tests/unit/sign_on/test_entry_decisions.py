"""Whom a provider's word lets in, and as what."""

from itertools import product
from typing import Any, Literal

import pytest

from waystate.errors import Forbidden
from waystate.ids import new_id
from waystate.principal import Role
from waystate.sign_on.model import Admission, ProvenIdentity, ProviderSettings, Standing, decide_entry, identity_of

ADA = ProvenIdentity("subject-ada", "ada@example.com", "Ada")
USER = new_id()
CLAIMS = {"sub": "subject-ada", "email": "ada@example.com", "email_verified": True}

Status = Literal["invited", "active", "disabled"]


def refusal(settings: ProviderSettings, linked: Standing | None, known: Standing | None) -> str:
    with pytest.raises(Forbidden) as refused:
        decide_entry(ADA, settings, linked, known)
    return refused.value.code


def test_every_standing_has_its_answer() -> None:
    """All of them, so that no combination is let in by an oversight."""
    answers: dict[str, int] = {}
    statuses: tuple[Status, ...] = ("invited", "active", "disabled")
    for status, role, subject, elsewhere, joining in product(
        statuses, (None, Role.AGENT, Role.OWNER), (None, "another"), (False, True), (None, Role.VIEWER)
    ):
        if role is None and subject is not None:
            continue
        known = Standing(USER, status, role, subject, elsewhere)
        settings = ProviderSettings(default_role=joining)
        try:
            entry = decide_entry(ADA, settings, None, known)
        except Forbidden as refused:
            answers[refused.code] = answers.get(refused.code, 0) + 1
            assert status == "disabled" or subject is not None or (role is None and (elsewhere or joining is None))
            continue
        assert status != "disabled"
        assert subject is None
        assert entry.activates == (status == "invited")
        assert entry.joins_as == (None if role is not None else Role.VIEWER)
        assert (entry.user_id, entry.links) == (USER, True)
    assert set(answers) == {"person_disabled", "linked_to_another", "not_a_member"}


def test_a_newcomer_comes_in_only_by_a_role_for_newcomers() -> None:
    assert refusal(ProviderSettings(), None, None) == "not_a_member"
    entry = decide_entry(ADA, ProviderSettings(default_role=Role.AGENT), None, None)
    assert entry == Admission(None, joins_as=Role.AGENT, links=True)


def test_the_subject_counts_before_the_address() -> None:
    linked = Standing(USER, "active", Role.AGENT, ADA.subject)
    somebody_else = Standing(new_id(), "active", Role.OWNER)
    assert decide_entry(ADA, ProviderSettings(), linked, somebody_else) == Admission(USER)
    assert refusal(ProviderSettings(), linked._replace(status="disabled"), somebody_else) == "person_disabled"


@pytest.mark.parametrize(
    ("domains", "is_let_in"),
    [((), True), (("example.com",), True), (("corp.example",), False), (("le.com", "xample.com"), False)],
)
def test_the_list_of_domains_counts_for_members_too(domains: tuple[str, ...], is_let_in: bool) -> None:
    settings = ProviderSettings(allowed_domains=domains)
    linked = Standing(USER, "active", Role.AGENT, ADA.subject)
    if is_let_in:
        assert decide_entry(ADA, settings, linked, None) == Admission(USER)
    else:
        assert refusal(settings, linked, None) == "domain_not_allowed"


@pytest.mark.parametrize("verified", [{"email_verified": True}, {"xms_edov": True}, {"xms_edov": "1"}, {"xms_edov": "true"}])
def test_a_verified_address_is_known_by_either_claim(verified: dict[str, Any]) -> None:
    claims = {name: value for name, value in CLAIMS.items() if name != "email_verified"}
    assert identity_of(claims | verified).email == "ada@example.com"
    with pytest.raises(Forbidden):
        identity_of(claims)


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("Ada Lovelace", "Ada Lovelace"),
        ("  Ada\r\n\x00Lovelace\u202e ", "AdaLovelace"),
        ("", "ada@example.com"),
        (None, "ada@example.com"),
        (7, "ada@example.com"),
        ("x" * 500, "x" * 200),
        ("\ud800", "ada@example.com"),
    ],
)
def test_a_name_is_made_fit_to_be_shown(name: Any, kept: str) -> None:
    assert identity_of(CLAIMS | {"name": name}).name == kept
