"""Every recorded Node scenario, run with this library and compared whole.

All scenarios that pytest selected run at once, before the first of their tests; so `-k verify-`
costs only those. A scenario that differs is run again by itself, because the pauses of the
recordings mean little on a machine that is busy with a dozen others.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.conformance import differences, harness, scenarios
from tests.conformance.outcome import Outcome

ENOUGH = 12
"""More scenarios than this do not fail for want of time."""


def expected(name: str) -> Outcome:
    scenario = scenarios.load()[name]
    outcome = harness.recorded(name)
    differences.apply(scenario, outcome)
    differences.settle(scenario, outcome)
    return outcome


def comparable(name: str, outcome: Outcome) -> Outcome:
    differences.settle(scenarios.load()[name], outcome)
    return outcome


async def _run(names: list[str]) -> dict[str, Outcome]:
    outcomes = await harness.run_python(names)
    await asyncio.get_running_loop().shutdown_default_executor()
    return {name: comparable(name, outcome) for name, outcome in outcomes.items()}


@pytest.fixture(scope="session")
def outcomes(request: pytest.FixtureRequest) -> dict[str, Outcome]:
    names = harness.selected(request.session.items, test_as_recorded.__name__)
    with harness.nothing_left_open():
        results = asyncio.run(_run(names), debug=True)
        again = [name for name in names if results[name] != expected(name)]
        if len(again) <= ENOUGH:
            for name in again:
                results |= asyncio.run(_run([name]), debug=True)
    return results


@pytest.mark.parametrize("name", list(scenarios.load()))
def test_as_recorded(name: str, outcomes: dict[str, Outcome]) -> None:
    want, got = expected(name).lines(), outcomes[name].lines()
    if want != got:
        pytest.fail(harness.difference(want, got, scenarios.load()[name]), pytrace=False)


@pytest.mark.parametrize(
    "row", differences.everything(), ids=lambda row: f"{row.name} in {row.where}"
)
def test_a_difference_makes_a_difference(row: differences.Difference) -> None:
    unchanged: list[str] = []
    changed = 0
    for scenario in scenarios.load().values():
        if not row.matches(scenario):
            continue
        outcome = harness.recorded(scenario.name)
        differences.apply(scenario, outcome, until=row)
        before = outcome.copy()
        row.change(outcome, scenario)
        changed += outcome != before
        if outcome == before:
            unchanged.append(scenario.name)
    if row.holds:
        assert changed, "this row changes no scenario at all"
    if row.where != differences.ANY:
        assert not unchanged, "this row changes nothing in scenarios that it names"


def test_every_server_and_action_is_known() -> None:
    unknown: dict[str, Any] = {}
    for scenario in scenarios.load().values():
        if not scenario.actions_known:
            unknown[scenario.name] = scenario.recording["actions"]
        assert scenario.plan is not None
    assert not unknown


def test_a_difference_can_be_read() -> None:
    text = harness.difference(["one", "two"], ["one", "three"], scenarios.load()["csi-throws"])
    assert "-two" in text
    assert "+three" in text
    assert "csi-throws" in text
