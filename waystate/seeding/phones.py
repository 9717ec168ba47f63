"""Phone numbers that nobody has: the ranges that regulators keep for films and books. Pure.

Sources: NANPA (555-0100 to 555-0199), Ofcom (numbers for drama use), Bundesnetzagentur (Rufnummern für Medien), Arcep (numéros
pour les œuvres audiovisuelles), ACMA (numbers for use in radio, film and television).
"""

from math import gcd

_AREAS = (
    201, 202, 203, 205, 206, 207, 208, 209, 210, 212, 213, 214, 215, 216, 217, 218, 219, 225, 228, 229,
    301, 302, 303, 304, 305, 307, 308, 309, 310, 312, 313, 314, 315, 316, 317, 318, 319, 320, 321, 323,
)  # fmt: skip

_RANGES: dict[str, tuple[tuple[str, int], ...]] = {
    "US": tuple((f"1{area}55501", 2) for area in _AREAS),
    "GB": tuple(
        (f"44{city}0", 3)
        for city in (
            "207946",
            "113496",
            "114496",
            "116496",
            "117496",
            "118496",
            "121496",
            "131496",
            "141496",
            "151496",
            "161496",
        )
    ),
    "DE": tuple((f"49{city}", 3) for city in ("3023125", "6990009", "4066969", "2214710", "8999998")),
    "FR": tuple((f"33{region}", 4) for region in ("19900", "26191", "35301", "46571", "53649")),
    "AU": tuple((f"61{region}", 4) for region in ("25550", "27010", "35550")),
}
"""Country → beginnings, with how many digits follow."""

COUNTRIES = tuple(_RANGES)


def size_of(country: str) -> int:
    return sum(10**digits for _, digits in _RANGES[country])


def number_of(country: str, seed: int, index: int) -> str:
    """The number as WhatsApp writes it, without '+'. Distinct for each index below `size_of`, scattered by the seed."""
    size = size_of(country)
    step = next(step for step in range(size * 5 // 8, size * 2) if gcd(step, size) == 1)
    place = (index * step + seed * 7919) % size
    for beginning, digits in _RANGES[country]:
        if place < 10**digits:
            return f"{beginning}{place:0{digits}d}"
        place -= 10**digits
    raise AssertionError("a place is below the size")
