"""Pages of customers where many fit each filter and few fit all: they are told of once, in order, whatever a page looks at."""

import random
from datetime import timedelta

import pytest

from tests.world import Business, World
from waystate.contacts import store as contact_store
from waystate.contacts.model import Identity, IdentityKind, NewContact
from waystate.customers import store
from waystate.customers.model import CustomerFilter, ListPlace, Sort
from waystate.customers.words import query_of
from waystate.ids import id_at

CUSTOMERS = 60
FILTERS = (
    CustomerFilter(),
    CustomerFilter(tags=("a",)),
    CustomerFilter(tags=("a", "b", "c")),
    CustomerFilter(words=query_of("ana")),
    CustomerFilter(words=query_of("ana"), tags=("c",)),
    CustomerFilter(tags=("a",), has_open_conversation=True),
    CustomerFilter(tags=("b",), has_open_conversation=False),
    CustomerFilter(phone_number_id="1001"),
    CustomerFilter(phone_number_id="1001", has_open_conversation=True, tags=("a",)),
    CustomerFilter(phone_number_id="none"),
)


@pytest.fixture
async def tenant(world: World) -> Business:
    """With customers of whom a third has each tag, half are called Ana, and a third writes."""
    tenant = await world.add("acme", number="1001")
    chance, contacts = random.Random(3), []
    for number in range(CUSTOMERS):
        phone = Identity(IdentityKind.WA_ID, f"4917000{number:05}")
        name = f"{chance.choice(['Ana', 'Bea'])} {chance.randrange(30)}"
        uuid = id_at(world.clock.now - timedelta(days=9), number)
        contacts.append(NewContact(id=uuid, identities=(phone,), created_at=world.clock.now, name=name))
    async with world.db.tenant(tenant.tenant) as conn:
        await contact_store.add_many(conn, tenant.tenant, contacts)
        for tag in "abc":
            tagged = [each.id for each in contacts if chance.random() < 0.4]
            await store.tag_many(conn, tenant.tenant, tagged, [tag], world.clock.now)
    for contact in contacts[::3]:
        await world.receive(tenant, tenant.message(wa_id=contact.identities[0].external_id))
        world.clock.forward(hours=3)
    async with world.db.tenant(tenant.tenant) as conn:
        await store.index_many(conn, tenant.tenant, [each.id for each in contacts])
    return tenant


REACH = store.PageReach()


async def listed(
    world: World, tenant: Business, wanted: CustomerFilter, sort: Sort, limit: int, reach: store.PageReach = REACH
) -> list[ListPlace]:
    """Page by page, as the operation does it."""
    found: list[ListPlace] = []
    after: ListPlace | None = None
    async with world.db.tenant(tenant.tenant) as conn:
        for _ in range(200):
            page, left_off = await store.list_places(
                conn, tenant.tenant, wanted, sort, after=after, now=world.clock.now, batch=limit + 1, reach=reach
            )
            found += page[:limit]
            after = page[limit - 1] if len(page) > limit else left_off
            if after is None:
                return found
    raise AssertionError("the pages have no end")


@pytest.mark.parametrize("sort", Sort)
async def test_all_who_fit_are_told_of_once_whatever_a_page_looks_at(world: World, tenant: Business, sort: Sort) -> None:
    for wanted in FILTERS:
        if sort is not Sort.LAST_ACTIVITY and (wanted.has_open_conversation is not None or wanted.phone_number_id):
            continue
        whole = await listed(world, tenant, wanted, sort, CUSTOMERS)
        for few, at_first, most, limit in ((1, 1, 9, 2), (4, 5, 40, 6)):
            reach = store.PageReach(few, at_first, most)
            assert await listed(world, tenant, wanted, sort, limit, reach) == whole, (wanted, reach, limit)
    assert await listed(world, tenant, CustomerFilter(tags=("a", "b", "c")), sort, CUSTOMERS)
    assert len(await listed(world, tenant, CustomerFilter(), sort, CUSTOMERS)) == CUSTOMERS
