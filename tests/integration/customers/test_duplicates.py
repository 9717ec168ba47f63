"""Customers that may be one are found by what they have in common, each pair once, and are gone when they are merged."""

from typing import Any
from uuid import UUID

import pytest

from tests.integration.contacts.test_merges import P1, hear
from tests.integration.customers.test_indexing import follow
from tests.integration.customers.test_merging import edit
from tests.world import Business, World, commits_of
from waystate.contacts.model import Identity, IdentityKind
from waystate.customers.duplicates import store
from waystate.customers.duplicates.model import Key, Likeness, keys_of
from waystate.customers.edit import CustomerEdits
from waystate.customers.merges.merge import CustomerMerges
from waystate.customers.model import NEVER, Profile
from waystate.ids import new_id
from waystate.principal import OPERATOR

BRAZIL, BRAZIL_SHORT = "5511987654321", "551187654321"


def person(**fields: Any) -> Profile:
    return Profile(**{"id": new_id(), "created_at": NEVER, "edited_at": NEVER, "last_activity_at": NEVER, **fields})


@pytest.mark.parametrize(
    ("fields", "values"),
    [
        ({"name": "Ana Souza"}, {"ana souza"}),
        ({"name": "SOUZA, Aná"}, {"ana souza"}),
        ({"name": "Ana"}, set()),
        ({"email": "Ana@Example.com "}, {"ana@example.com"}),
        ({"username": "@Ana"}, {"ana"}),
        ({"phone_number": f"+{BRAZIL_SHORT}"}, {BRAZIL}),
        ({"phone_number": "+49 170 0000001"}, {P1}),
        ({"identities": (Identity(IdentityKind.WA_ID, BRAZIL_SHORT),), "phone_number": f"+{BRAZIL}"}, {BRAZIL}),
        ({"identities": (Identity(IdentityKind.GROUP, "g"),), "name": "Our Team"}, set()),
    ],
)
def test_customers_are_compared_by(fields: dict[str, Any], values: set[str]) -> None:
    assert {each.value for each in keys_of(person(**fields))} == values


async def add(world: World, tenant: Business, number: str, **fields: Any) -> UUID:
    edits = CustomerEdits(commits_of(world), world.clock)
    saved = await edits.add(tenant.tenant, Identity(IdentityKind.WA_ID, number), fields, updates=True)
    return saved.profile.id


async def groups(world: World, tenant: Business, *kinds: Likeness, batch: int = 10) -> list[tuple[list[str], set[UUID]]]:
    await follow(world, tenant)
    found, place, pages = [], Key(Likeness.PHONE, ""), 0
    while place is not None and pages < 20:
        async with world.db.tenant(tenant.tenant) as conn:
            page, place = await store.list_groups(conn, tenant.tenant, kinds or tuple(Likeness), behind=place, batch=batch)
        found += [([each.kind.value for each in group.reasons], set(group.contacts)) for group in page]
        pages += 1
    return found


async def test_each_pair_is_shown_once_by_all_that_it_has_in_common(world: World, tenant: Business) -> None:
    phone = await add(world, tenant, BRAZIL, name="Ana Souza", email="ana@example.com")
    shown = await add(world, tenant, "5511900000001", phone_number=f"+{BRAZIL_SHORT}", name="Souza Ana")
    mail = await add(world, tenant, "5511900000002", email="ANA@example.com")
    await add(world, tenant, "5511900000003", name="Ana")
    expected = [(["phone", "name"], {phone, shown}), (["email"], {phone, mail})]
    assert await groups(world, tenant) == await groups(world, tenant, batch=1) == expected
    assert await groups(world, tenant, Likeness.EMAIL) == expected[1:]
    merges = CustomerMerges(commits_of(world), world.directory, world.clock)
    record, _ = await merges.merge(tenant.tenant, phone, shown, OPERATOR)
    assert await groups(world, tenant) == expected[1:]
    await edit(world, tenant, mail, email="other@example.com")
    assert await groups(world, tenant) == []
    assert await world.value(tenant, "SELECT count(*) FROM contact_likeness WHERE is_shared") == 0
    await merges.undo(tenant.tenant, record.id, OPERATOR)
    assert await groups(world, tenant) == expected[:1], "two again, and like each other"


async def test_a_name_that_many_have_says_nothing(world: World, tenant: Business) -> None:
    for number in range(5):
        await hear(world, tenant, f"49170000001{number}", contact_name="Maria Silva")
    assert await groups(world, tenant) == []
    await hear(world, tenant, "491700000010", contact_name="Maria Souza Silva")
    (found,) = await groups(world, tenant)
    assert (found[0], len(found[1])) == (["name"], 4)
