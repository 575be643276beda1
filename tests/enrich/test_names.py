"""Names of countries."""

from __future__ import annotations

from tapiary.enrich import country_name


def test_names() -> None:
    assert country_name("DE") == "Germany"
    assert country_name("gb") == "United Kingdom"
    assert country_name("ZZ") == "ZZ"


def test_every_code_of_the_standard_has_a_name() -> None:
    from tapiary.enrich.names import countries

    assert len(countries()) == 249 + 1  # and Kosovo
    assert all(len(code) == 2 and code.isupper() and name != code for code, name in countries().items())
