"""W7: the data plane does what a few dicts do, whatever is done in whatever order. 2,000 × 50 steps under `make faults`."""

import asyncio
from collections.abc import Iterator

import psycopg
import pytest
from hypothesis.stateful import run_state_machine_as_test

from tests.integration.state.data_plane_machine import DataPlane, bounded, machine_on

PLANTED = {
    "a status that is lost": "IF NEW.status = 'read' THEN NEW.status := 'delivered'; END IF;",
    "a message in another conversation": (
        "IF TG_OP = 'UPDATE' THEN NEW.conversation_id := (SELECT max(id::text)::uuid FROM conversations); END IF;"
    ),
}


@pytest.fixture
def machine(database_url: str) -> Iterator[type[DataPlane]]:
    loop = asyncio.new_event_loop()
    machine = machine_on(database_url, loop)
    yield machine
    loop.run_until_complete(machine.db.close(grace=2))
    loop.close()


def test_the_data_plane_does_what_dicts_do(machine: type[DataPlane]) -> None:
    run_state_machine_as_test(machine, settings=bounded(40, 40))
    assert machine.steps > 1000


@pytest.mark.parametrize("bug", PLANTED)
def test_a_planted_bug_is_found(machine: type[DataPlane], database_url: str, bug: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute(
            f"CREATE FUNCTION planted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {PLANTED[bug]} RETURN NEW; END $$;"
            "CREATE TRIGGER planted BEFORE INSERT OR UPDATE ON messages_default FOR EACH ROW EXECUTE FUNCTION planted();"
        )
    with pytest.raises(AssertionError):
        run_state_machine_as_test(machine, settings=bounded(60, 30, explains=False))
