"""Which filters go with which order, whose rows they may be of, and who is limited to what is theirs."""

import pytest

from waystate.conversations.model import OPEN, ConversationStatus, is_limited
from waystate.errors import BadRequest
from waystate.ids import TenantId, new_id
from waystate.inbox.model import OFFERED_FILTERS, InboxFilter, InboxSort
from waystate.principal import Principal, Role
from waystate.web.pages import check_offered


def test_a_pair_without_an_index_is_refused_and_the_order_that_fits_is_named() -> None:
    for order in InboxSort:
        check_offered(order, frozenset({"status", "q", "tag"}), OFFERED_FILTERS)
    with pytest.raises(BadRequest) as refused:
        check_offered(InboxSort.CREATED, frozenset({"updatedSince"}), OFFERED_FILTERS)
    assert (refused.value.code, "Sort by lastActivity:" in refused.value.detail) == ("sort_not_offered", True)


@pytest.mark.parametrize("asked", [{"is_unassigned": True}, {"controller": "flow"}, {"is_window_open": False}])
def test_what_is_asked_of_open_ones_is_asked_of_no_others(asked: dict[str, object]) -> None:
    assert set(InboxFilter(**asked).statuses) == OPEN  # type: ignore[arg-type]
    assert InboxFilter(**asked, status=ConversationStatus.CLOSED).statuses == []  # type: ignore[arg-type]
    assert set(InboxFilter().statuses) == set(ConversationStatus)


@pytest.mark.parametrize("role", Role)
def test_agents_and_viewers_alone_are_limited(role: Role) -> None:
    person = Principal(TenantId("acme"), "session", new_id(), user_id=new_id(), role=role)
    assert is_limited(person, "assigned") is (role in (Role.AGENT, Role.VIEWER))
    assert not is_limited(person, "all")
    assert not is_limited(Principal(TenantId("acme"), "key", new_id()), "assigned")
