"""The table of decision 0022 is what the code does: each row is read, turned into answers, and asked."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from waystate.channels.model import AttemptResult, Outcome
from waystate.channels.whatsapp.client import GraphClient
from waystate.channels.whatsapp.errors import TABLE, outcome_of

DECISION = Path(__file__).parents[3] / "docs" / "decisions" / "0022-unknown-unless-proven.md"
CODES = {code for rule in TABLE for code in rule.codes}
NOBODYS_CODE = 424242
SENT = b'{"messages":[{"id":"wamid.A"}]}'
PAGES = (b"", b"<html>", b"{}", b'{"error":"text"}', json.dumps({"error": {"code": NOBODYS_CODE, "message": "x"}}).encode())
"""Answers without a known code."""
NEVER_STOOD = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError)
ENDED = (httpx2.ReadTimeout, httpx2.WriteTimeout, httpx2.ReadError, httpx2.WriteError, httpx2.RemoteProtocolError)

Outcomes = set[Outcome]


def rows() -> list[tuple[str, str]]:
    """(answer, outcome)"""
    lines = [line for line in DECISION.read_text().splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if not line.startswith("| answer")]
    return [(answer, outcome.strip("`")) for answer, outcome, _ in cells]


def numbers(answer: str) -> list[int]:
    return [int(each) for each in re.findall(r"\b\d+\b", answer)]


def of_code(code: int, http_status: int, **said: object) -> AttemptResult:
    return outcome_of(http_status, json.dumps({"error": {"code": code, "message": "x", **said}}).encode(), {})


def of_codes(codes: set[int], statuses: range | list[int] = range(100, 600)) -> Outcomes:
    """Whatever the HTTP status, a success apart."""
    return {of_code(code, status).outcome for code in codes for status in statuses if not 200 <= status < 300}


def of_pages(statuses: range | list[int] | set[int]) -> Outcomes:
    return {outcome_of(status, page, {}).outcome for status in statuses for page in PAGES}


def codes_of(outcome: Outcome) -> set[int]:
    return {code for code in CODES if of_code(code, 400).outcome is outcome}


def statuses_of(outcome: Outcome, among: range) -> set[int]:
    return {status for status in among if outcome_of(status, b"", {}).outcome is outcome}


async def of_error(error: type[httpx2.RequestError]) -> Outcome:
    async def fail(request: httpx2.Request) -> httpx2.Response:
        raise error("lost", request=request)

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(fail)) as http:
        sent = await GraphClient(http).send(api_url="https://g.test/v1", phone_number_id="1", access_token="t", body={})
    return sent.outcome


def limits(answer: str) -> Outcomes:
    *codes, early, many = numbers(answer)
    assert set(codes) == codes_of(Outcome.RETRY), "the codes that the code knows are those of the table"
    assert {early, many} == statuses_of(Outcome.RETRY, range(400, 500))
    return of_codes(set(codes)) | of_pages([early, many])


def faults(answer: str) -> Outcomes:
    codes = set(numbers(answer))
    assert codes == codes_of(Outcome.UNKNOWN)
    passing = {of_code(NOBODYS_CODE, status, is_transient=True).outcome for status in (400, 401, 403, 404, 500)}
    refusing = {of_code(code, 400, is_transient=True).outcome for code in codes_of(Outcome.FAILED)}
    assert refusing == {Outcome.FAILED}
    return of_codes(codes) | passing | of_pages(range(500, 600))


def gateways(answer: str) -> Outcomes:
    assert set(numbers(answer)) == statuses_of(Outcome.UNKNOWN, range(400, 500))
    return of_pages(numbers(answer))


def other_refusals(_: str) -> Outcomes:
    told = {number for row, _ in rows() if "without a known code" in row for number in numbers(row)}
    return of_pages(set(range(400, 500)) - told)


CHECKS: dict[str, Callable[[str], Outcomes]] = {
    "2xx that names": lambda _: {outcome_of(status, SENT, {}).outcome for status in range(200, 300)},
    "2xx that does not": lambda _: of_pages(range(200, 300)),
    "codes 4, 80007": limits,
    "any other known code": lambda _: of_codes(CODES - codes_of(Outcome.RETRY) - codes_of(Outcome.UNKNOWN)),
    "an unknown code, or none, under any other 4xx": other_refusals,
    "codes 1, 2,": faults,
    "408,": gateways,
    "1xx, 3xx": lambda _: of_pages(range(100, 200)) | of_pages(range(300, 400)),
}
LOST = {"no connection stood": NEVER_STOOD, "the connection ended": ENDED}


def test_every_row_is_checked_and_every_check_has_its_row() -> None:
    checks = [*CHECKS, *LOST]
    for answer, _ in rows():
        assert len([check for check in checks if answer.startswith(check)]) == 1, f"say here how to check: {answer}"
    for check in checks:
        assert len([answer for answer, _ in rows() if answer.startswith(check)]) == 1, f"the table lost: {check}"


@pytest.mark.parametrize(("answer", "outcome"), rows())
async def test_the_code_answers_as_the_table_says(answer: str, outcome: str) -> None:
    if lost := next((errors for words, errors in LOST.items() if answer.startswith(words)), None):
        assert {await of_error(each) for each in lost} == {Outcome(outcome)}
    else:
        check = next(check for words, check in CHECKS.items() if answer.startswith(words))
        assert check(answer) == {Outcome(outcome)}
