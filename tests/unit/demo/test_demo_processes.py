"""The demo's children: what is started again, and what they have counted together."""

import threading
import time

import httpx2
import pytest

from tests.acceptance.installation import SIMULATED
from waystate.demo.processes import FIRST_PAUSE, Child, Processes, Tally
from waystate.ports import listen_on_any
from waystate.simulator.app import CONFIG_VARIABLE
from waystate.simulator.config import SimulatorConfig
from waystate.web.metrics import Samples

MESSAGES = ("waystate_messages_total", (("direction", "inbound"),))
OPEN = ("waystate_open_conversations", ())


def test_what_several_processes_counted_is_added_up() -> None:
    tally = Tally()
    tally.add("work-1", {MESSAGES: 3.0, OPEN: 0.0})
    tally.add("work-2", {MESSAGES: 4.0})
    tally.add("timers", {OPEN: 5.0})
    assert tally.total() == {MESSAGES: 7.0, OPEN: 5.0}


@pytest.mark.parametrize("after", [{MESSAGES: 1.0, OPEN: 2.0}, {OPEN: 2.0}])
def test_a_process_that_starts_at_zero_again_takes_nothing_away(after: Samples) -> None:
    tally = Tally()
    tally.add("work-1", {MESSAGES: 3.0, OPEN: 9.0})
    tally.add("work-1", after)
    assert tally.total()[MESSAGES] == 3.0 + after.get(MESSAGES, 0.0)
    assert tally.total()[OPEN] == 2.0, "a gauge is what it is now"


def test_what_dies_is_started_again_after_a_rest_that_grows_and_each_death_is_one_line() -> None:
    said: list[str] = []
    child = Child("work-1", ["version"], {})
    processes = Processes([child], said.append)
    processes.start()
    pauses = []
    for _ in range(2):
        first = child.process
        assert first is not None
        assert first.wait(20) == 0
        processes.look()
        processes.look()
        assert child.process is first, "it rests"
        pauses.append(child.pause)
        time.sleep(child.pause)
        processes.look()
        assert child.process is not first
    processes.end()
    assert pauses == [2 * FIRST_PAUSE, 4 * FIRST_PAUSE]
    assert said == [f"waystate: work-1 ended (exit code 0); it is started again in {pause:g} s" for pause in pauses]


def test_who_calls_while_a_child_is_dead_is_answered_by_the_next_one() -> None:
    listener = listen_on_any("127.0.0.1")
    port = listener.getsockname()[1]
    config = SimulatorConfig(**{**SIMULATED, "whatsapp_webhook_url": "http://x", "genesys_webhook_url": "http://x"})
    told = {CONFIG_VARIABLE: config.model_dump_json()}
    child = Child("the simulator", ["simulate", "--port", str(port)], told, listeners=[listener])
    processes = Processes([child], lambda _: None)
    processes.start()
    answers: list[int] = []

    def call() -> None:
        answers.append(httpx2.get(f"http://127.0.0.1:{port}/simulator/state", timeout=30, trust_env=False).status_code)

    try:
        call()
        assert child.process is not None
        child.process.kill()
        child.process.wait(20)
        caller = threading.Thread(target=call)
        caller.start()
        while caller.is_alive():
            processes.look()
            caller.join(0.1)
    finally:
        processes.end()
    assert answers == [200, 200]
    with pytest.raises(httpx2.ConnectError):
        call()
