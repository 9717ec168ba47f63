"""The people who write: the n-th of a seed is the same person whenever and wherever it is asked for. Pure."""

import re
import unicodedata
from dataclasses import dataclass
from random import Random

from waystate.contacts.model import Identity, IdentityKind
from waystate.documents import JsonObject
from waystate.seeding.phones import number_of

MOST = 10_000
"""Customers of one seed: every one has a number of their own, and the ranges that nobody has are not endless."""

_WHEEL = (
    ("en", "US"), ("de", "DE"), ("ar", "FR"), ("en", "GB"), ("es", "US"), ("fr", "FR"), ("hi", "GB"), ("he", "US"),
    ("en", "AU"), ("pt", "GB"), ("ja", "AU"),
)  # fmt: skip
"""Language, and the country of the phone. No regulator of the other languages' countries keeps numbers for fiction."""

_NAMES: dict[str, tuple[str, str]] = {
    "en": ("Asha Ben Chloe Dylan Emma Femi Grace Harry Isla Jack", "Okafor Smith Patel O'Brien Taylor Nguyen Campbell Walker"),
    "de": ("Björn Günther Jürgen Käthe Lena Moritz Petra Søren Ulrike", "Müller Schäfer Groß Yılmaz Weiß Vogel Krüger"),
    "fr": ("Élodie Chloé Noël Amélie Baptiste Zoé Loïc Anaïs", "Dubois Lefèvre Gauthier Benoît Haddad N'Diaye"),
    "es": ("Ana José Lucía Íñigo Begoña Martín Sofía Raúl", "Núñez García Peña Ibáñez Álvarez Muñoz"),
    "pt": ("João Conceição Inês Tomás Beatriz Luís", "Souza Gonçalves Araújo Magalhães Brandão"),
    "ar": ("فاطمة محمد عائشة يوسف ليلى عمر", "الحداد المصري العلي بنسعيد الشريف"),
    "he": ("נועה אורי תמר יונתן שירה", "כהן לוי מזרחי פרץ"),
    "hi": ("आशा राहुल प्रिया अमित नेहा", "शर्मा पटेल सिंह गुप्ता"),
    "ja": ("花 健太 美咲 翔 陽菜", "鈴木 佐藤 高橋 田中"),
}
_TAGS = ("vip", "newsletter", "returning", "wholesale", "complaint", "beta", "café & bar", "عميل")
_NO_PHONE, _BOTH, _EVERY = 7, 3, 12


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleCustomer:
    """At least one of `wa_id` and `user_id` is there, as with real users."""

    number: int
    name: str
    language: str
    wa_id: str | None
    user_id: str | None
    email: str | None
    tags: tuple[str, ...]
    preferences: JsonObject

    @property
    def identities(self) -> tuple[Identity, ...]:
        known = ((IdentityKind.WA_ID, self.wa_id), (IdentityKind.BSUID, self.user_id))
        return tuple(Identity(kind, each) for kind, each in known if each is not None)


def customer(seed: int, number: int) -> SampleCustomer:
    random = Random(f"customer/{seed}/{number}")
    language, country = _WHEEL[number % len(_WHEEL)]
    first, last = (random.choice(names.split()) for names in _NAMES[language])
    name = f"{last} {first}" if language == "ja" else f"{first} {last}"
    has_phone = number % _EVERY != _NO_PHONE
    has_user_id = number % _EVERY in (_NO_PHONE, _BOTH)
    return SampleCustomer(
        number=number,
        name=name,
        language=language,
        wa_id=number_of(country, seed, _rank(number)) if has_phone else None,
        user_id=f"{country}.{random.randrange(10**19, 10**20)}" if has_user_id else None,
        email=f"{local_part(name, number)}@example.com" if random.random() < 0.7 else None,
        tags=tuple(sorted(random.sample(_TAGS, random.choice((0, 0, 1, 1, 2, 3))))),
        preferences={"language": language, "marketing": random.random() < 0.4},
    )


def _rank(number: int) -> int:
    """Which one of their country's customers this is."""
    rounds, place = divmod(number, len(_WHEEL))
    countries = [country for _, country in _WHEEL]
    return rounds * countries.count(countries[place]) + countries[:place].count(countries[place])


def local_part(name: str, number: int | str) -> str:
    """What stands before the '@': only what every mail system takes."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    words = re.findall(r"[a-z]+", plain)
    return ".".join([*words, str(number)] if words else ["customer", str(number)])
