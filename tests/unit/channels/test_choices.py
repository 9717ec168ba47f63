"""What an agent or bot offers, as one of WhatsApp's interactive messages; and what a customer chose of it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waystate.channels.genesys.content import offer_of, text_of
from waystate.channels.offers import find_by_id, find_typed, ids_of
from waystate.channels.whatsapp.choices import find_chosen_id, find_interactive
from waystate.channels.whatsapp.outgoing import parse_whatsapp

PICTURE = "https://shop.example/cup.png"


def replies(*titles, payloads=None):
    actions = [{"text": title, "payload": payload} for title, payload in zip(titles, payloads or titles, strict=True)]
    return [{"contentType": "QuickReply", "quickReplyV2": {"title": "Go on?", "actions": actions}}]


def card(title="Cup", *actions, **more):
    return {"title": title, "actions": list(actions), **more}


def post(text, payload=None):
    return {"type": "Postback", "text": text, "payload": payload or f"p-{text}"}


def link(text, url="https://shop.example/cups"):
    return {"type": "Link", "text": text, "url": url}


def picker(*sections, **received):
    listed = [{"title": title, "listItems": items} for title, items in sections]
    return [{"listPicker": {"receivedMessage": {"title": "Which one?", **received}, "sections": listed}}]


def times(*starts):
    return [{"datePicker": {"title": "When?", "availableTimes": [{"dateTime": each, "duration": 1800} for each in starts]}}]


def made(content, text=None):
    return find_interactive(offer_of(text, content))


def test_quick_replies_of_the_second_version_become_buttons():
    found = made(replies("Yes", "No"))
    assert (found["type"], found["body"]["text"]) == ("button", "Go on?")
    assert [each["reply"]["title"] for each in found["action"]["buttons"]] == ["Yes", "No"]


def test_a_card_becomes_buttons_under_its_picture():
    found = made([{"card": card("Cup", post("Order"), post("More"), description="Holds 300 ml", image=PICTURE)}])
    assert found == {
        "type": "button",
        "header": {"type": "image", "image": {"link": PICTURE}},
        "body": {"text": "Cup\nHolds 300 ml"},
        "action": {
            "buttons": [
                {"type": "reply", "reply": {"id": "p-Order", "title": "Order"}},
                {"type": "reply", "reply": {"id": "p-More", "title": "More"}},
            ]
        },
    }


@pytest.mark.parametrize("address", ["https://shop.example/cup.webp", "http://shop.example/cup.png", "https://shop.example/7"])
def test_a_picture_that_whatsapp_may_refuse_goes_as_its_address(address):
    found = made([{"card": card("Cup", post("Order"), image=address)}])
    assert ("header" in found, found["body"]["text"]) == (False, f"Cup\n{address}")


def test_a_link_that_is_the_only_action_becomes_a_button():
    found = made([{"card": card("Cup", link("See it"), image=PICTURE)}])
    assert (found["type"], found["header"]["type"], found["body"]["text"]) == ("cta_url", "image", "Cup")
    assert found["action"]["parameters"] == {"display_text": "See it", "url": "https://shop.example/cups"}


def test_a_link_beside_other_actions_stands_in_the_text():
    found = made([{"card": card("Cup", post("Order"), link("See it"))}])
    assert (found["type"], found["body"]["text"]) == ("button", "Cup\nSee it: https://shop.example/cups")
    assert made([{"card": card("Cup", link("See it"), link("Others", "https://shop.example/all"))}]) is None


def test_a_list_picker_becomes_a_list_with_sections():
    small = {"id": "s", "type": "ListItem", "title": "Small", "description": "200 ml"}
    found = made(
        picker(("Cups", [small, {"id": "l", "title": "Large"}]), ("Lids", [{"id": "lid", "title": "Lid"}]), buttonLabel="Cups")
    )
    assert (found["type"], found["body"]["text"], found["action"]["button"]) == ("list", "Which one?", "Cups")
    assert found["action"]["sections"] == [
        {"title": "Cups", "rows": [{"id": "s", "title": "Small", "description": "200 ml"}, {"id": "l", "title": "Large"}]},
        {"title": "Lids", "rows": [{"id": "lid", "title": "Lid"}]},
    ]


@pytest.mark.parametrize(
    "items",
    [
        [{"id": str(n), "title": f"Size {n}"} for n in range(11)],
        [{"id": "1", "title": "Small", "description": "d" * 73}],
        [{"id": "1", "title": "t" * 25, "description": "200 ml"}],
        [{"id": "1", "title": "Small", "image": PICTURE}],
    ],
    ids=["eleven", "long description", "long title with a description", "with a picture"],
)
def test_a_list_that_would_lose_something_goes_as_text(items):
    assert made(picker(("Cups", items))) is None


def test_times_become_a_list_with_the_zone_below():
    found = made(times("2026-05-30T12:00:00.000Z", "2026-06-30T09:30:00+02:00"))
    assert found["action"]["sections"][0]["rows"] == [
        {"id": "2026-05-30T12:00:00.000Z", "title": "Sat 30 May 2026, 12:00", "description": "UTC (30 min)"},
        {"id": "2026-06-30T09:30:00+02:00", "title": "Tue 30 Jun 2026, 09:30", "description": "UTC+02:00 (30 min)"},
    ]
    assert made(times(*[f"2026-05-{day:02}T12:00:00Z" for day in range(1, 12)])) is None


def test_cards_with_pictures_and_alike_become_a_carousel():
    cards = [card(f"Cup {n}", post(f"Order {n}"), image=PICTURE) for n in range(2)]
    found = made([{"carousel": {"cards": cards}}], "Our cups")
    assert (found["type"], found["body"]["text"]) == ("carousel", "Our cups")
    assert [each["body"]["text"] for each in found["action"]["cards"]] == ["Cup 0", "Cup 1"]
    assert [each["action"]["buttons"][0]["quick_reply"]["id"] for each in found["action"]["cards"]] == [
        "p-Order 0",
        "p-Order 1",
    ]
    linked = made([{"carousel": {"cards": [card(f"Cup {n}", link("See"), image=PICTURE) for n in range(2)]}}], "Our cups")
    assert linked["action"]["cards"][1]["action"]["parameters"]["display_text"] == "See"


def test_other_cards_become_a_list_with_a_section_each():
    cards = [card("Blue cup", post("Order"), image=PICTURE), card("Red cup", post("Order", "red"))]
    found = made([{"carousel": {"cards": cards}}])
    assert (found["type"], found["body"]["text"]) == ("list", f"Blue cup\n{PICTURE}\nRed cup")
    assert [each["title"] for each in found["action"]["sections"]] == ["Blue cup", "Red cup"]


def test_a_group_gets_text():
    assert find_interactive(offer_of(None, replies("Yes", "No")), may_be_interactive=False) is None


_WORDS = st.text(st.characters(categories=("L", "N", "P", "Zs")), min_size=1, max_size=90).filter(
    lambda text: any(each.isalnum() for each in text)
)
_ACTIONS = st.one_of(_WORDS.map(post), _WORDS.map(link))
_CARDS = st.builds(
    lambda title, actions, image: card(title, *actions, **({"image": image} if image else {})),
    _WORDS,
    st.lists(_ACTIONS, max_size=4),
    st.sampled_from([None, PICTURE, "https://shop.example/cup.webp"]),
)
_CONTENTS = st.one_of(
    st.lists(_WORDS, min_size=1, max_size=12).map(lambda titles: replies(*titles)),
    _CARDS.map(lambda each: [{"card": each}]),
    st.lists(_CARDS, min_size=1, max_size=4).map(lambda cards: [{"carousel": {"cards": cards}}]),
    st.lists(st.tuples(_WORDS, st.lists(_WORDS.map(lambda title: {"title": title}), min_size=1, max_size=4)), max_size=4).map(
        lambda sections: picker(*sections)
    ),
)


@given(text=st.none() | _WORDS, content=_CONTENTS)
def test_whatever_is_offered_is_taken_by_whatsapp_and_says_all_that_the_text_says(text, content):
    offer = offer_of(text, content)
    found = find_interactive(offer)
    if found is None:
        return
    parse_whatsapp("interactive", found)
    shown = "\n".join(_texts(found))
    options = {each.line for each in offer.options}
    for line in text_of(text, content).split("\n"):
        said = line.partition(". ")[2] if line.partition(". ")[2] in options else line
        assert all(part.strip() in shown for part in said.split(": https://")), (line, shown)


def _texts(value):
    if isinstance(value, dict):
        return [each for inner in value.values() for each in _texts(inner)]
    if isinstance(value, list):
        return [each for inner in value for each in _texts(inner)]
    return [str(value)]


@pytest.mark.parametrize(
    "payloads", [["same", "same"], ["x" * 201, "n"], [" y", "n"], [json.dumps({"a": "x" * 300}), "n"]], ids=lambda _: ""
)
def test_payloads_that_are_no_ids_come_back_all_the_same(payloads):
    options = offer_of(None, replies("Yes", "No", payloads=payloads)).options
    assert ids_of(options) == ["option-1", "option-2"]
    assert find_by_id(options, "option-2").payload == payloads[1]
    assert find_by_id(options, "n") is None


@pytest.mark.parametrize(
    ("typed", "chosen"),
    [
        ("2", "Maybe"),
        (" 2. ", "Maybe"),
        ("no", "No"),
        ("MAYBE!", "Maybe"),
        ("4", None),
        ("0", None),
        ("no thanks", None),
        ("", None),
    ],
)
def test_a_number_or_the_whole_title_is_a_choice(typed, chosen):
    options = offer_of(None, replies("Yes", "Maybe", "No")).options
    found = find_typed(options, typed, is_numbered=True)
    assert (found and found.line) == chosen


def test_a_number_means_a_title_before_it_means_a_place():
    options = offer_of(None, replies("2", "4", "1")).options
    assert find_typed(options, "2", is_numbered=True).line == "2"
    assert find_typed(options, "3", is_numbered=True).line == "1"
    assert find_typed(options, "3", is_numbered=False) is None, "it was not offered with numbers"


@pytest.mark.parametrize(
    ("kind", "content", "found"),
    [
        ("interactive", {"type": "button_reply", "button_reply": {"id": "a", "title": "A"}}, "a"),
        ("interactive", {"type": "list_reply", "list_reply": {"id": "b", "title": "B"}}, "b"),
        ("button", {"payload": "c", "text": "C"}, "c"),
        ("interactive", {"type": "nfm_reply", "nfm_reply": {}}, None),
        ("text", {"body": "a"}, None),
    ],
)
def test_what_comes_back_of_a_tap(kind, content, found):
    assert find_chosen_id(kind, content) == found
