"""What simulated people write."""

from random import Random

FIRST_NAMES = ("Ana", "Björn", "Chiara", "Dũng", "Élodie", "Fatima", "Günther", "Hana", "Ivana", "João", "Łukasz")
LAST_NAMES = ("Okafor", "Müller", "Rossi", "Nguyễn", "Dubois", "Haddad", "Schäfer", "Suzuki", "Novák", "Souza", "Nowak")

_QUESTIONS = (
    "Hello, is anyone there?",
    "Where is my order? 📦",
    "Grüß Gott, wann öffnet die Filiale in Köln?",
    "Can I change the delivery address?",
    "Não recebi o código 😕",
    "The app says 'payment failed', but my bank says it went through.",
    "Thanks!",
    "ok 👍🏽",
    "¿Puedo hablar con una persona, por favor?",
    "I was charged twice: 49,90 € on the 3rd and again on the 4th.",
    "Merci beaucoup, ça marche ❤️",
    "See https://example.com/orders/7731?step=2",
    "你好 请问什么时候发货",
    "Two lines\nin one message",
    "👩‍👩‍👧‍👦 family plan, how much?",
)
_ANSWERS = (
    "Hello, I am looking into it.",
    "Thank you for waiting, your order leaves today. 🚚",
    "Gern geschehen! Schönen Tag noch.",
    "Could you send me the order number?",
    "I have refunded the second payment; it takes 3 to 5 days.",
    "Posso ajudar com mais alguma coisa? 😊",
    "We open at 9:00 and close at 18:30.",
    "Please see https://example.com/help/address",
)


def question(random: Random, number: int) -> str:
    return f"#{number} {random.choice(_QUESTIONS)}"


def answer(random: Random, number: int) -> str:
    return f"#{number} {random.choice(_ANSWERS)}"


def full_name(random: Random) -> str:
    return f"{random.choice(FIRST_NAMES)} {random.choice(LAST_NAMES)}"
