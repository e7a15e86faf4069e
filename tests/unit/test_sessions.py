"""Which session may stand for which verification, and the cache."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest

from tlsevents.sessions import Acceptance, SessionCache

NATIVE = Acceptance("context", "a.example", True, None, True, False)


def covers(kept: Acceptance, wanted: Acceptance = NATIVE, *, reject: bool = True) -> bool:
    return kept.covers(wanted, reject_unauthorized=reject)


def test_the_same_verification() -> None:
    assert covers(NATIVE)
    assert covers(NATIVE, reject=False)


@pytest.mark.parametrize(
    "change",
    [
        {"context": "other"},
        {"identity": "b.example"},
        {"verified": False},
        {"own_check": True},
        {"authorized": False, "authorization_error": "CERT_HAS_EXPIRED"},
    ],
)
def test_another_one(change: dict[str, Any]) -> None:
    assert not covers(replace(NATIVE, **change))


def test_less_may_be_wanted_than_was_done() -> None:
    assert covers(NATIVE, replace(NATIVE, verified=False))
    assert covers(NATIVE, replace(NATIVE, own_check=True))


def test_nothing_makes_an_unauthorized_one_good_enough_to_be_let_in() -> None:
    for verified, own in itertools.product([True, False], repeat=2):
        bad = replace(NATIVE, authorized=False, verified=verified, own_check=own)
        for wanted in (NATIVE, replace(NATIVE, verified=False), replace(NATIVE, own_check=True)):
            assert not covers(bad, wanted)
            assert covers(bad, wanted, reject=False)


def test_a_cache_forgets_the_one_not_used_for_longest() -> None:
    cache = SessionCache(max_sessions=2)
    assert cache  # an empty cache is a cache
    sessions: list[Any] = [object() for _ in range(4)]
    cache._store("a", sessions[0])
    cache._store("b", sessions[1])
    cache._store("a", sessions[2])
    cache._store("c", sessions[3])
    assert len(cache) == 2
    assert cache._take("b") is None
    assert cache._take("a") is sessions[2]
    assert cache._take("a") is None
    cache.clear()
    assert len(cache) == 0
    assert repr(cache) == "SessionCache(max_sessions=2)"


def test_a_cache_for_nothing() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        SessionCache(max_sessions=0)
