"""Who is the same person: a property over all ways in which payloads can share identities."""

from hypothesis import given
from hypothesis import strategies as st

from waystate.contacts.model import Identity, IdentityKind, Person, joined, person_of

WA, BSUID = IdentityKind.WA_ID, IdentityKind.BSUID

identities = st.builds(Identity, st.sampled_from([WA, BSUID]), st.sampled_from("abcde"))
people = st.lists(
    st.builds(
        Person,
        st.lists(identities, min_size=1, max_size=3, unique=True).map(tuple),
        st.sampled_from([None, "Ada", "Bob", "Cyd"]),
    ),
    max_size=8,
)


def groups_of(people: list[Person]) -> set[frozenset[Identity]]:
    """The model: unite sets that overlap until none does."""
    groups = [set(person.identities) for person in people]
    while True:
        pair = next(((a, b) for a in groups for b in groups if a is not b and a & b), None)
        if pair is None:
            return {frozenset(group) for group in groups}
        groups = [group for group in groups if group is not pair[0] and group is not pair[1]] + [pair[0] | pair[1]]


@given(people)
def test_all_who_share_an_identity_even_through_others_are_one_person(people: list[Person]) -> None:
    result = joined(people)
    assert {frozenset(person.identities) for person in result} == groups_of(people)
    assert len(result) == len(groups_of(people))
    assert all(len(set(person.identities)) == len(person.identities) for person in result)


@given(people)
def test_the_name_given_last_stands(people: list[Person]) -> None:
    for person in joined(people):
        given_names = [each.name for each in people if each.name and set(each.identities) & set(person.identities)]
        assert person.name == (given_names[-1] if given_names else None)


@given(people)
def test_the_order_of_people_is_stable(people: list[Person]) -> None:
    firsts = [person.identities[0].external_id for person in joined(people)]
    assert firsts == sorted(firsts)


def test_the_business_scoped_id_leads() -> None:
    assert person_of("4917", "DE.1", "Ada") == Person((Identity(BSUID, "DE.1"), Identity(WA, "4917")), "Ada")


def test_an_empty_phone_is_no_phone() -> None:
    assert person_of("", "DE.1") == Person((Identity(BSUID, "DE.1"),))
    assert person_of("4917", None) == Person((Identity(WA, "4917"),))
