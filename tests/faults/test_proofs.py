"""The proofs of isolation and of the documented API at full length; `make test` runs each of them short."""

import asyncio

import pytest
from hypothesis.stateful import run_state_machine_as_test

from tests.acceptance.generated_requests import asked, prepare
from tests.databases import temporary_home
from tests.faults.harness_record import Record
from tests.integration.db_catalogue.interleaving import interleave, tenants
from tests.integration.db_catalogue.interleaving import prepare as add_tenants
from tests.integration.state.data_plane_machine import bounded, machine_on
from waystate.db.pool import Database

REQUESTS, EXAMPLES, RUNS, STEPS = 10_000, 500, 2000, 50


@pytest.mark.faults
async def test_t4_ten_thousand_interleaved_requests_never_meet_a_foreign_row(database_url: str, records: list[Record]) -> None:
    record = Record("T4-interleaved", 4)
    records.append(record)
    db = await Database.open(database_url, pool_size=2)
    names = tenants(50)
    await add_tenants(db, names)
    seen = await interleave(db, names, REQUESTS, seed=record.seed)
    await db.close(grace=2)
    record.figures |= {"requests": REQUESTS, **seen, "seconds": record.seconds()}
    record.problems = [f"{name}: {seen[name]}" for name in ("foreign", "left behind") if seen[name]]
    record.is_complete = True
    assert not record.problems
    assert seen["cut off inside"] > 1000


@pytest.mark.faults
async def test_w7_five_hundred_examples_an_operation_find_no_fault(database_url: str, records: list[Record]) -> None:
    record = Record("W7-generated-requests", 0)
    records.append(record)
    with temporary_home() as home:
        tokens = await prepare(database_url, home)
        with asked(database_url, home, tokens) as here:
            found = await asyncio.to_thread(here.ask, examples=EXAMPLES)
            operations = sum(len(each) for each in here.document["paths"].values())
    record.figures |= {"operations": operations, "examples each": EXAMPLES, "seconds": record.seconds()}
    record.problems = [each[-2000:] for each in found]
    record.is_complete = True
    assert not found, "\n".join(found)


@pytest.mark.faults
def test_w7_two_thousand_runs_of_fifty_steps_do_what_dicts_do(database_url: str, records: list[Record]) -> None:
    record = Record("W7-state-machine", 0)
    records.append(record)
    loop = asyncio.new_event_loop()
    machine = machine_on(database_url, loop)
    run_state_machine_as_test(machine, settings=bounded(RUNS, STEPS))
    record.figures |= {"runs": machine.examples, "steps": machine.steps, "divergences": 0, "seconds": record.seconds()}
    record.is_complete = True
    loop.run_until_complete(machine.db.close(grace=2))
    loop.close()
