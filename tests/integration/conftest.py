"""`world` is a database with the pipelines to drive by hand; `tenant` is the first business in it."""

import pytest

from tests.world import Business, World
from waystate.db.pool import Database


@pytest.fixture
def world(db: Database) -> World:
    return World(db)


@pytest.fixture
async def tenant(world: World) -> Business:
    return await world.add("acme", number="1001")
