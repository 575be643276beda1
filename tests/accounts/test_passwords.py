"""Passwords: Argon2id, its parameters, and the time that a login takes."""

from __future__ import annotations

import time

import pytest
from argon2 import PasswordHasher, Type, extract_parameters

from tapiary.accounts import passwords
from tapiary.errors import InvalidInput


def test_the_parameters_are_those_of_rfc_9106() -> None:
    for text in (passwords.DUMMY, passwords.hash_of("12345678")):
        found = extract_parameters(text)
        assert (found.type, found.time_cost, found.parallelism, found.memory_cost) == (Type.ID, 3, 4, 64 * 1024)
        assert (found.salt_len, found.hash_len, found.version) == (16, 32, 19)
        assert not passwords.is_outdated(text)
    assert passwords.is_outdated(PasswordHasher(1, 8, 1).hash("12345678"))


@pytest.mark.parametrize("password", ["12345678", "x" * 500, "žluťoučký kůň", "\udcff" * 8, "nul\0nul\0"])
def test_the_password_and_no_other(password: str) -> None:
    stored = passwords.hash_of(passwords.check(password))
    assert passwords.matches(stored, password)
    assert not passwords.matches(stored, password + "x")
    assert password not in stored


@pytest.mark.parametrize("stored", [None, "", "!", "$argon2id$v=19$broken"])
def test_no_hash_no_entry(stored: str | None) -> None:
    for password in ("", "12345678"):
        assert not passwords.matches(stored, password)


@pytest.mark.parametrize("password", ["", "1234567", "x" * 501])
def test_lengths(password: str) -> None:
    with pytest.raises(InvalidInput, match="8 to 500") as caught:
        passwords.check(password)
    assert caught.value.field == "password"


def test_a_made_password_may_be_set_and_is_new() -> None:
    assert passwords.check(passwords.make()) != passwords.make()


def test_nobody_takes_as_long_as_somebody() -> None:
    stored = passwords.hash_of("12345678")

    def best(hashed: str | None, password: str) -> float:
        times = []
        for _ in range(5):
            start = time.perf_counter()
            passwords.matches(hashed, password)
            times.append(time.perf_counter() - start)
        return min(times)

    wrong = best(stored, "wrong password")
    # Argon2 takes all the time; whatever would leave it out would be a hundred times as fast.
    for hashed, password in ((None, "wrong password"), (stored, "x" * 5000), ("", "")):
        assert best(hashed, password) > wrong / 3
