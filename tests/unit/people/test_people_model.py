"""Who may change whom, and what an e-mail, a name and a password may be."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.world import START
from waystate.errors import Refused
from waystate.ids import PLATFORM, TenantId
from waystate.people.model import (
    Change,
    Member,
    Power,
    acting_of,
    check_change,
    check_invitation,
    check_reset,
    new_token,
    parse_email,
    parse_name,
    token_hash,
    top_role,
)
from waystate.people.passwords import parse_password
from waystate.principal import Principal, Role

A = TenantId("tenant-a")
OF_A = [role for role in Role if role is not Role.PLATFORM]


def member(role: Role = Role.AGENT, *, number: int = 1, tenant: TenantId = A, status: str = "active") -> Member:
    return Member(
        tenant_id=tenant,
        id=UUID(int=number),
        email=f"person-{number}@example.com",
        name="Somebody",
        role=role,
        status=status,  # type: ignore[arg-type]
        has_totp=False,
        created_at=START,
    )


def refusal(power: Power, whom: Member, change: Change, *, other_owners: int = 1, is_shared: bool = False) -> str | None:
    try:
        check_change(power, whom, change, other_owners=other_owners, is_shared=is_shared)
    except Refused as refused:
        return refused.code
    return None


POWERS: list[Power] = [Role.OWNER, Role.ADMIN, None, "operator"]
STATUSES = st.sampled_from(["active", "disabled"])
CHANGES = st.one_of(
    st.sampled_from(OF_A).map(lambda role: Change(role=role)),
    STATUSES.map(lambda status: Change(status=status)),
    st.tuples(st.sampled_from(OF_A), STATUSES).map(lambda each: Change(role=each[0], status=each[1])),
    st.just(Change(removed=True)),
)


@given(
    st.lists(st.tuples(st.sampled_from(OF_A), st.sampled_from(["active", "disabled", "invited"])), max_size=5),
    st.lists(st.tuples(st.integers(0, 5), CHANGES, st.sampled_from(POWERS)), max_size=30),
)
def test_there_is_always_an_owner(others: list[tuple[Role, str]], acts: list[tuple[int, Change, Power]]) -> None:
    people = {0: member(Role.OWNER, number=0)}
    people |= {number: member(role, number=number, status=status) for number, (role, status) in enumerate(others, 1)}
    for number, change, power in acts:
        whom = people.get(number)
        if whom is None:
            continue
        rest = [each for each in people.values() if each is not whom and (each.role, each.status) == (Role.OWNER, "active")]
        if refusal(power, whom, change, other_owners=len(rest)) is None:
            if change.removed:
                del people[number]
            else:
                people[number] = member(change.role or whom.role, number=number, status=change.status or whom.status)
        assert any((each.role, each.status) == (Role.OWNER, "active") for each in people.values())


@given(st.sampled_from(OF_A), CHANGES, st.sampled_from([Role.ADMIN, Role.SUPERVISOR, Role.AGENT, Role.VIEWER, None]))
def test_who_is_no_owner_neither_makes_nor_touches_one(role: Role, change: Change, power: Power) -> None:
    touches = role is Role.OWNER or change.role is Role.OWNER
    assert (refusal(power, member(role), change) == "owners_only") == touches


@pytest.mark.parametrize("change", [Change(status="disabled"), Change(name="Other")])
def test_an_account_of_two_tenants_is_changed_by_neither(change: Change) -> None:
    assert refusal(Role.OWNER, member(), change, is_shared=True) == "account_shared"
    assert refusal("operator", member(), change, is_shared=True) is None
    assert refusal(Role.OWNER, member(), Change(role=Role.VIEWER), is_shared=True) is None
    assert refusal(Role.OWNER, member(), Change(removed=True), is_shared=True) is None


def test_who_has_not_accepted_can_be_given_a_role_and_removed_and_nothing_else() -> None:
    pending = member(status="invited")
    assert refusal(Role.OWNER, pending, Change(status="disabled")) == "not_accepted"
    assert refusal(Role.OWNER, pending, Change(role=Role.VIEWER)) is None
    assert refusal(Role.OWNER, pending, Change(removed=True)) is None


@pytest.mark.parametrize(
    ("whom", "power", "is_shared", "code"),
    [
        (member(), Role.ADMIN, False, None),
        (member(Role.OWNER), Role.ADMIN, False, "owners_only"),
        (member(Role.OWNER), None, False, "owners_only"),
        (member(), Role.OWNER, True, "account_shared"),
        (member(), "operator", True, None),
        (member(status="invited"), Role.OWNER, False, "not_accepted"),
        (member(status="disabled"), Role.OWNER, False, "user_disabled"),
    ],
)
def test_a_reset_is_for_who_could_be_given_a_password(whom: Member, power: Power, is_shared: bool, code: str | None) -> None:
    try:
        check_reset(power, whom, is_shared=is_shared)
        told = None
    except Refused as refused:
        told = refused.code
    assert told == code


def test_the_role_platform_is_of_the_tenant_platform_alone() -> None:
    for tenant, role in ((A, Role.PLATFORM), (PLATFORM, Role.OWNER), (PLATFORM, Role.VIEWER)):
        with pytest.raises(Refused, match="role"):
            check_invitation(tenant, "operator", role, None)
        assert refusal("operator", member(top_role(tenant), tenant=tenant), Change(role=role)) == "invalid_request"
    check_invitation(PLATFORM, Role.PLATFORM, Role.PLATFORM, None)
    with pytest.raises(Refused, match="Only who has the role platform"):
        check_invitation(PLATFORM, None, Role.PLATFORM, None)


def test_an_invitation_is_not_for_members_nor_by_admins_for_invited_owners() -> None:
    check_invitation(A, Role.ADMIN, Role.AGENT, member(status="invited"))
    with pytest.raises(Refused, match="already"):
        check_invitation(A, Role.OWNER, Role.AGENT, member())
    with pytest.raises(Refused, match="Only who has the role owner"):
        check_invitation(A, Role.ADMIN, Role.AGENT, member(Role.OWNER, status="invited"))


def test_a_key_has_no_power_over_owners_and_a_session_has_its_role() -> None:
    assert acting_of(Principal(A, "key", UUID(int=1))).power is None
    assert acting_of(Principal(A, "session", UUID(int=1), user_id=UUID(int=2), role=Role.ADMIN)).power is Role.ADMIN


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("Ada@Example.COM", "ada@example.com"),
        ("  ada+x@sub.example.com ", "ada+x@sub.example.com"),
        ("o'neill@localhost", "o'neill@localhost"),
    ],
)
def test_an_e_mail_has_one_form(written: str, stored: str) -> None:
    assert parse_email(written) == stored


@pytest.mark.parametrize("written", ["", "ada", "@example.com", "ada@", "a b@example.com", "ada@exämple.com", "a@b@c", "a@-x"])
def test_what_is_no_e_mail_is_refused(written: str) -> None:
    with pytest.raises(Refused, match="email"):
        parse_email(written)
    with pytest.raises(Refused, match="email"):
        parse_email("a" * 60 + "@" + "b" * 200)


@given(st.text())
def test_an_e_mail_is_stored_as_the_database_wants_it(text: str) -> None:
    try:
        email = parse_email(text)
    except Refused:
        return
    assert email.isascii()
    assert email == email.lower()
    assert 3 <= len(email) <= 254


@given(st.text(st.characters(exclude_categories=()), max_size=250))
def test_a_name_is_one_line_that_can_be_stored(text: str) -> None:
    try:
        name = parse_name(text)
    except Refused:
        return
    assert 1 <= len(name) <= 200
    assert "\n" not in name
    assert "\x00" not in name
    name.encode()


@pytest.mark.parametrize(
    "password",
    [
        "short",
        "elevenchars",
        "x" * 300,
        "aaaaaaaaaaaaaaaa",
        "abababababababab",
        "abcdefghijklmnop",
        "987654321098",
        "ada.lovelace@example.com",
        "I am Ada.Lovelace",
        "my Password is long",
    ],
)
def test_a_password_that_is_easily_guessed_is_refused_and_not_repeated(password: str) -> None:
    with pytest.raises(Refused) as caught:
        parse_password(password, email="ada.lovelace@example.com", where="newPassword")
    assert caught.value.extra["errors"][0]["field"] == "newPassword"
    assert password not in f"{caught.value.detail}{caught.value.extra}"


def test_a_password_is_the_same_however_a_keyboard_composes_it() -> None:
    composed, decomposed = "schöne Grüße aus Köln", "scho\u0308ne Gru\u0308ße aus Ko\u0308ln"
    assert parse_password(composed, email="a@b.c") == parse_password(decomposed, email="a@b.c")


def test_a_token_is_long_and_kept_as_its_hash_alone() -> None:
    (one, hashed), (other, _) = new_token("wsi"), new_token("wsi")
    assert one != other
    assert len(one) > 40
    assert token_hash(one) == hashed
    assert len(token_hash("\ud800")) == 32
