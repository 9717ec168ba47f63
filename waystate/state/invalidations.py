"""What look-ups remember of a customer is dropped everywhere once a change is committed: here, in Redis, in every process."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from waystate.cache.feed import Feed
from waystate.cache.process import ProcessCache
from waystate.cache.second_level import SecondLevel
from waystate.events.model import ContactMerged, ContactUnmerged, Event, InboundEnriched, MessageStatus
from waystate.ids import TenantId

TOPIC = "invalidate"


class Invalidations:
    """One a process. `cache` is its own, where it answers look-ups.

    The others hear of a change after Redis has: who drops what it remembers reads again, and must not read what was.
    """

    def __init__(self, feed: Feed, *, cache: ProcessCache[bytes] | None = None, second: SecondLevel | None = None) -> None:
        self._feed = feed
        self._cache = cache
        self._second = second
        if cache is not None:
            feed.subscribe(TOPIC, self._heard)
            feed.on_reconnect(cache.clear)
        if second is not None:
            second.on_forgotten(self._publish)

    def changed(self, tenant: TenantId, events: Sequence[Event]) -> None:
        """After the commit of these events. A message's status, and what is of no contact, is no part of what look-ups show."""
        contacts = {each for event in events if not isinstance(event, MessageStatus) and (each := event.contact_id)}
        contacts |= {each for event in events if isinstance(event, InboundEnriched) and (each := event.former_contact_id)}
        # Who writes in a group gives their name there too.
        contacts |= {event.sender.contact_id for event in events if isinstance(event, InboundEnriched) and event.sender}
        contacts |= {event.merged_contact_id for event in events if isinstance(event, ContactMerged | ContactUnmerged)}
        if contacts:
            self.forget(tenant, contacts)

    def forget(self, tenant: TenantId, contacts: Iterable[UUID]) -> None:
        """After the commit that changed these contacts, or conversations of theirs."""
        if self._cache is not None:
            contacts = list(contacts)
            for contact in contacts:
                self._cache.invalidate((tenant, contact))
        if self._second is not None:
            self._second.forget(tenant, map(str, contacts))
        elif self._feed.has_audience:
            self._publish(tenant, [str(contact) for contact in contacts])

    def _publish(self, tenant: TenantId, subjects: Sequence[str]) -> None:
        for subject in subjects or ("",):
            self._feed.publish(TOPIC, f"{tenant} {subject}")

    def _heard(self, payload: str) -> None:
        tenant, _, subject = payload.partition(" ")
        assert self._cache is not None
        if subject:
            self._cache.invalidate((TenantId(tenant), UUID(subject)))
        else:
            self._cache.clear()
