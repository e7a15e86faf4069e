"""The tests here only compare: what can leak ran before the first of them, and was looked at then.

A garbage collection after each of a thousand comparisons would take longer than all scenarios.
"""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _no_open_descriptors() -> None:
    """In place of the one for all tests: see `harness.nothing_left_open`."""
