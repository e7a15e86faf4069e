"""README's performance figures, taken from what the benchmark wrote.

    python -m tests.readme_figures      after: python tests/benchmarks/compare.py --write

writes them between the two comments in README.md; `tests/unit/test_readme.py` fails when they
are not those of tests/benchmarks/results.json.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

from tests.benchmarks.peers import NODE_OLD_AES, OURS, PEERS, SCENARIOS

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
RESULTS = ROOT / "tests" / "benchmarks" / "results.json"
BLOCK = re.compile(r"(<!-- figures -->\n).*(<!-- end of figures -->\n)", re.DOTALL)

Json: TypeAlias = dict[str, Any]

_TITLES = {peer.key: peer.title for peer in PEERS}
_DECIMALS = {scenario.key: scenario.decimals for scenario in SCENARIOS}
_ONLY_IN = {peer.key: peer.only_in for peer in PEERS}
_ALONE = {scenario.key for scenario in SCENARIOS if scenario.only_ours}


def figures() -> str:
    """What stands between the comments: the picture, the table, and how it was measured."""
    if not RESULTS.exists():
        return "Not measured on this version yet: `python tests/benchmarks/compare.py --write`.\n"
    report: Json = json.loads(RESULTS.read_text(encoding="utf-8"))
    return "\n".join([*_picture(), *_table(report["results"]), "", *_notes(report)])


def _picture() -> Iterator[str]:
    yield "![tlsevents and its peers: CPU time and memory](tests/benchmarks/results.svg)"
    yield ""


def _table(results: Json) -> Iterator[str]:
    columns = {key: result for key, result in results.items() if key not in _ALONE}
    heads = [f"{result['title']}, {result['unit']}" for result in columns.values()]
    yield f"| | {' | '.join(heads)} |"
    yield f"| --- |{' ---: |' * len(heads)}"
    for key, title in _TITLES.items():
        if any(key in result["peers"] for result in columns.values()):
            cells = [_figure(column, result, key) for column, result in columns.items()]
            name = f"**{title}**" if key == OURS else title
            yield f"| {name} | {' | '.join(cells)} |"


def _figure(column: str, result: Json, peer: str) -> str:
    if peer not in result["peers"]:
        return ""
    return f"{result['peers'][peer]['median']:.{_DECIMALS[column]}f}"


def _notes(report: Json) -> Iterator[str]:
    for key in sorted(_ALONE & report["results"].keys()):
        result = report["results"][key]
        yield f"* {result['title']}: {_figure(key, result, OURS)} {result['unit']}."
        for peer in result["peers"]:
            if _ONLY_IN.get(peer) == key:
                yield f"  {_TITLES[peer]}: {_figure(key, result, peer)} {result['unit']}."
    if any(NODE_OLD_AES in result["peers"] for result in report["results"].values()):
        yield (
            "* Node brings a newer OpenSSL than this Python has, which computes AES-GCM with the\n"
            "  processor's VAES instructions; its figure for upload owes most to that.\n"
            f"  `{_TITLES[NODE_OLD_AES]}` is the same Node told to do without them."
        )
    facts = report["environment"]
    yield (
        f"* Python {facts['python']} ({facts['openssl']}), Node {facts['node']},\n"
        f"  {facts['system']}, {facts['rounds']} rounds, {facts['negotiated']}."
    )
    for peer, reason in report["skipped"].items():
        yield f"* Without {_TITLES.get(peer, peer)}: {reason}."
    yield ""


if __name__ == "__main__":
    text = README.read_text(encoding="utf-8")
    README.write_text(
        BLOCK.sub(lambda found: found[1] + figures() + found[2], text), encoding="utf-8"
    )
