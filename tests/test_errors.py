"""Errors carry what every face needs and survive the way between processes."""

import pickle

import pytest

from tapiary import errors
from tapiary.errors import InternalError, InvalidInput, TapiaryError

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, TapiaryError)]


@pytest.mark.parametrize("kind", KINDS)
def test_pickling_keeps_everything(kind: type[TapiaryError]) -> None:
    error = pickle.loads(pickle.dumps(kind("port: must be below 65536", field="port", code="bad_port")))
    assert type(error) is kind
    assert (error.message, error.field, error.code) == ("port: must be below 65536", "port", "bad_port")
    assert str(error) == error.message


def test_codes_are_distinct_and_statuses_are_errors() -> None:
    kinds = [kind for kind in KINDS if kind is not TapiaryError]
    assert len({kind.default_code for kind in kinds}) == len(kinds)
    assert all(400 <= kind.status < 600 for kind in kinds)


def test_fault_follows_the_status() -> None:
    assert InvalidInput("x").fault == "client"
    assert InternalError("x").fault == "server"
