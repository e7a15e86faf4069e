"""The report as an SVG: one panel of bars per scenario, legible on light and dark pages alike.

The picture brings its own background, since a page that shows it as an image cannot style it; the
reader's preference for dark is asked of the browser, which answers inside images too.
"""

from __future__ import annotations

from html import escape

from tests.benchmarks.peers import OURS, PEERS, STREAMS, YARDSTICK, Scenario
from tests.benchmarks.report import TITLES, Report

WIDTH = 880
MARGIN = 24
GAP = 32
COLUMN = (WIDTH - 2 * MARGIN - GAP) // 2
LABEL = 162
VALUE = 52
RATIO = 52
ROW = 19
BAR = 12
HEAD = 44
FOOT = 20
TOP = 66
OUR_KEYS = frozenset(peer.key for peer in PEERS if peer.ours)

STYLE = """
text { font: 12px ui-sans-serif, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif;
       fill: #1f2328; }
.page { fill: #ffffff; stroke: #d0d7de; }
.name { font-weight: 600; font-size: 17px; }
.title { font-weight: 600; font-size: 13px; }
.quiet { fill: #59636e; font-size: 11px; }
.ours { font-weight: 600; }
.figure { text-anchor: end; font-variant-numeric: tabular-nums; }
.bar { fill: #afb8c1; }
.bar.yardstick { fill: #6e7781; }
.bar.ours { fill: #1a7f64; }
.mark { stroke: #59636e; stroke-dasharray: 2 2; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .page { fill: #0d1117; stroke: #30363d; }
  .quiet { fill: #9198a1; }
  .bar { fill: #4d5560; }
  .bar.yardstick { fill: #8b949e; }
  .bar.ours { fill: #2ea98a; }
  .mark { stroke: #9198a1; }
}
"""


def chart(report: Report) -> str:
    panels = [item for item in report.measured() if not item[0].only_ours]
    top, parts = TOP, list[str]()
    for index in range(0, len(panels), 2):
        pair = panels[index : index + 2]
        for column, (scenario, peers) in enumerate(pair):
            parts += _panel(report, scenario, peers, MARGIN + column * (COLUMN + GAP), top)
        top += HEAD + FOOT + ROW * max(len(peers) for _, peers in pair)
    if len(panels) % 2:
        height = HEAD + FOOT + ROW * len(panels[-1][1])
        parts += _notes(report, MARGIN + COLUMN + GAP, top - height)
        bottom = top
    else:
        parts += _notes(report, MARGIN, top)
        bottom = top + HEAD + 6 * ROW
    return "\n".join(
        [
            _tag(
                "svg",
                xmlns="http://www.w3.org/2000/svg",
                viewBox=f"0 0 {WIDTH} {bottom}",
                width=WIDTH,
                height=bottom,
                role="img",
                aria_labelledby="heading",
            ),
            f"<style>{STYLE}</style>",
            _tag(
                "rect", "/", class_="page", x=0.5, y=0.5, width=WIDTH - 1, height=bottom - 1, rx=8
            ),
            _text(
                MARGIN,
                34,
                "What a TLS client costs: its own CPU time and memory, shorter is better",
                "name",
                "heading",
            ),
            _text(MARGIN, 54, _conditions(report), "quiet"),
            *parts,
            "</svg>",
            "",
        ]
    )


def _conditions(report: Report) -> str:
    told = report.environment
    return (
        f"{told['negotiated']}, certificates verified, {told['rounds']} rounds, median; "
        f"Python {told['python']}, {told['openssl']}, Node {told['node'] or 'absent'}"
    )


def _panel(report: Report, scenario: Scenario, peers: list[str], left: int, top: int) -> list[str]:
    medians = {peer: report.median(scenario.key, peer) or 0.0 for peer in peers}
    room = COLUMN - LABEL - VALUE - RATIO
    scale = room / max(medians.values())
    against = STREAMS if scenario.key == "roundtrip" else YARDSTICK
    words = f"{scenario.unit}; x = times {TITLES[against]}"
    parts = [
        _text(left, top + 16, scenario.title, "title"),
        _text(left, top + 32, words, "quiet"),
    ]
    bars_top = top + HEAD
    for row, peer in enumerate(peers):
        y = bars_top + row * ROW
        kind = "ours" if peer in OUR_KEYS else "yardstick" if peer == against else ""
        length = max(1.0, medians[peer] * scale)
        ratio = report.ratio(scenario.key, peer, against)
        parts += [
            _text(left, y + 11, TITLES[peer], kind),
            _tag(
                "rect",
                "/",
                class_=f"bar {kind}",
                x=left + LABEL,
                y=y + 1,
                width=length,
                height=BAR,
                rx=2,
            ),
            _text(
                left + COLUMN - RATIO,
                y + 11,
                f"{medians[peer]:.{scenario.decimals}f}",
                f"figure {kind}",
            ),
            _text(
                left + COLUMN,
                y + 11,
                "" if ratio is None else f"{ratio:.2f}x",
                f"figure {kind}",
            ),
        ]
    if against in medians:
        x = left + LABEL + medians[against] * scale
        bars_end = bars_top + len(peers) * ROW
        parts.append(_tag("line", "/", class_="mark", x1=x, x2=x, y1=bars_top - 4, y2=bars_end - 4))
    return parts


def _notes(report: Report, left: int, top: int) -> list[str]:
    lines = [
        "One run, peers taking turns, each client in a process of its own.",
        "The server's time, start-up, imports and loading the CA are not counted.",
        "Bytes are sent and read in blocks of 256 KiB; no session is resumed;",
        "every connection of the handshake panel closes with close_notify.",
    ]
    blocking = report.median("connect", OURS)
    if blocking is not None:
        lines.append(f"tlsevents.connect() itself blocks the loop for {blocking:.2f} ms (median).")
    lines.append("Reproduce: python tests/benchmarks/compare.py")
    return [
        _text(left, top + 16, "How it was measured", "title"),
        *(_text(left, top + HEAD + 4 + row * ROW, line, "quiet") for row, line in enumerate(lines)),
    ]


def _text(x: float, y: float, words: str, kind: str = "", identity: str = "") -> str:
    return _tag("text", id=identity, class_=kind, x=x, y=y) + escape(words) + "</text>"


def _tag(name: str, end: str = "", **attributes: str | float) -> str:
    """`class_` is `class`, another underscore a hyphen; an empty attribute is left out."""
    words = [
        f'{key.rstrip("_").replace("_", "-")}="{_attribute(value)}"'
        for key, value in attributes.items()
        if value != ""
    ]
    return f"<{' '.join([name, *words])}{end}>"


def _attribute(value: str | float) -> str:
    return escape(value) if isinstance(value, str) else f"{value:.1f}".removesuffix(".0")
