"""From samples to medians, ratios, targets, the printed table and the JSON file."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tests.benchmarks.peers import (
    OURS,
    PEERS,
    SCENARIOS,
    STREAMS,
    TARGETS,
    YARDSTICK,
    Scenario,
    Target,
)

TITLES = {peer.key: peer.title for peer in PEERS}
BY_KEY = {scenario.key: scenario for scenario in SCENARIOS}


@dataclass
class Report:
    environment: Mapping[str, object]
    # scenario -> peer -> one figure per round, in the scenario's unit
    samples: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    # scenario -> peer -> what a client said beside its figure, per round
    details: dict[str, dict[str, list[Mapping[str, float]]]] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)

    def add(self, scenario: str, peer: str, figure: float, detail: Mapping[str, float]) -> None:
        self.samples.setdefault(scenario, {}).setdefault(peer, []).append(figure)
        self.details.setdefault(scenario, {}).setdefault(peer, []).append(detail)

    def median(self, scenario: str, peer: str) -> float | None:
        samples = self.samples.get(scenario, {}).get(peer)
        return statistics.median(samples) if samples else None

    def ratio(self, scenario: str, peer: str, against: str) -> float | None:
        mine, theirs = self.median(scenario, peer), self.median(scenario, against)
        return mine / theirs if mine is not None and theirs else None

    def measured(self) -> Iterator[tuple[Scenario, list[str]]]:
        """The scenarios that were run, each with its peers in the order of the table."""
        for scenario in SCENARIOS:
            peers = [peer.key for peer in PEERS if self.samples.get(scenario.key, {}).get(peer.key)]
            if peers:
                yield scenario, peers

    def longest(self, peer: str) -> str:
        """`connect` in words: the worst call, and the longest stretch the loop stood still."""
        details = self.details["connect"][peer]
        worst = max(detail["max"] for detail in details) * 1e3
        stretch = statistics.median(detail["stretch"] for detail in details) * 1e3
        return (
            f"worst call {worst:.3f} ms; longest single stretch of the loop until secureConnect, "
            f"median {stretch:.2f} ms"
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    target: Target
    value: float | None

    @property
    def reached(self) -> bool | None:
        return None if self.value is None else self.value <= self.target.at_most

    def sentence(self) -> str:
        scenario, target = BY_KEY[self.target.scenario], self.target
        if target.against is None:
            limit = f"at most {target.at_most:g} {scenario.unit}"
            value = "not measured" if self.value is None else f"{self.value:.{scenario.decimals}f}"
        else:
            limit = f"at most {target.at_most:g}x {TITLES[target.against]}"
            value = "not measured" if self.value is None else f"{self.value:.2f}x"
        mark = {True: "reached", False: "MISSED", None: "?"}[self.reached]
        return f"{mark:>8}  {scenario.title}: {value} ({limit})"


def outcomes(report: Report) -> list[Outcome]:
    return [
        Outcome(
            target,
            report.median(target.scenario, OURS)
            if target.against is None
            else report.ratio(target.scenario, OURS, target.against),
        )
        for target in TARGETS
    ]


def table(report: Report) -> str:
    lines: list[str] = []
    for scenario, peers in report.measured():
        lines += [f"{scenario.title}, {scenario.unit}"]
        head = f"  {'':36}{'median':>9}{'min':>9}{'max':>9}"
        lines += [head if scenario.only_ours else f"{head}{'x ssl':>9}{'x streams':>11}"]
        for peer in peers:
            samples = report.samples[scenario.key][peer]
            figures = (statistics.median(samples), min(samples), max(samples))
            line = f"  {TITLES[peer]:36}"
            line += "".join(f"{figure:9.{scenario.decimals}f}" for figure in figures)
            if scenario.key == "connect":
                line += f"  {report.longest(peer)}"
            elif not scenario.only_ours:
                for against, width in ((YARDSTICK, 9), (STREAMS, 11)):
                    ratio = report.ratio(scenario.key, peer, against)
                    line += f"{'-' if ratio is None else f'{ratio:.2f}':>{width}}"
            lines.append(line)
        lines.append("")
    return "\n".join(lines)


def targets(report: Report) -> str:
    head = f"Targets for {TITLES[OURS]}, on asyncio's default loop"
    return "\n".join([head, *(f"  {outcome.sentence()}" for outcome in outcomes(report))])


def as_json(report: Report) -> dict[str, object]:
    def peer_row(scenario: str, peer: str, samples: Sequence[float]) -> dict[str, object]:
        row: dict[str, object] = {
            "median": _short(statistics.median(samples)),
            "samples": [_short(sample) for sample in samples],
        }
        for name, against in (("x_blocking_ssl", YARDSTICK), ("x_asyncio_streams", STREAMS)):
            ratio = report.ratio(scenario, peer, against)
            if ratio is not None:
                row[name] = round(ratio, 3)
        if scenario == "connect":
            row["note"] = report.longest(peer)
        return row

    return {
        "environment": dict(report.environment),
        "skipped": report.skipped,
        "results": {
            scenario.key: {
                "title": scenario.title,
                "unit": scenario.unit,
                "peers": {
                    peer: peer_row(scenario.key, peer, report.samples[scenario.key][peer])
                    for peer in peers
                },
            }
            for scenario, peers in report.measured()
        },
        "targets": [
            {
                "scenario": outcome.target.scenario,
                "against": outcome.target.against,
                "at_most": outcome.target.at_most,
                "value": None if outcome.value is None else _short(outcome.value),
                "reached": outcome.reached,
            }
            for outcome in outcomes(report)
        ],
    }


def _short(value: float) -> float:
    return float(f"{value:.4g}")
