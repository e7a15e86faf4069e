"""How much CPU and memory a TLS client costs: tlsevents beside its peers, measured in one run.

    python tests/benchmarks/compare.py                     everything, 1 GiB, 5 rounds
    python tests/benchmarks/compare.py --quick             a first impression, about a minute
    python tests/benchmarks/compare.py --only download --peers tlsevents,node,blocking
    python tests/benchmarks/compare.py --write             also results.json and results.svg here

Peers take turns, each client in a process of its own; a figure is the median over the rounds of
the client's own CPU time (user and system), without start-up, imports and loading the CA. The
server runs in another process, on another core where there are two. Not a test: it fails only
when a client fails, or when two of them did not do the same thing.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

try:
    import trustme
except ImportError:
    sys.exit("This needs the packages of the group 'benchmarks': pip install --group benchmarks")

# Run as a script, it finds its neighbours all the same.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks.chart import chart
from tests.benchmarks.peers import ASKING, NODE, PEERS, SCENARIOS, Peer, Scenario
from tests.benchmarks.report import Report, as_json, table, targets

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
HOST = "127.0.0.1"
SERVERNAME = "localhost"
CLIENT_SECONDS = 300.0


class UnfairError(Exception):
    """A client failed, or did something else than its peers."""


def cores() -> tuple[set[int], set[int]] | None:
    """The cores for the clients and for the server, where the system lets us choose."""
    if sys.platform != "linux":
        return None
    usable = sorted(os.sched_getaffinity(0))
    return (set(usable[:-1]), {usable[-1]}) if len(usable) > 1 else None


@contextlib.contextmanager
def on_core(core: set[int] | None) -> Iterator[None]:
    """Run there, and so does what is started meanwhile: a child inherits it, Node too."""
    if sys.platform != "linux" or core is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, core)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def start(
    command: Sequence[str], core: set[int] | None, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    # The clients find `tlsevents` in this working tree, installed or not.
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    with on_core(core):
        return subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **(environment or {}), "PYTHONPATH": path},
        )


class Server:
    """The server's process, and a connection to ask it what it has seen."""

    def __init__(self, directory: Path, core: set[int] | None) -> None:
        authority = trustme.CA()
        issued = authority.issue_cert(SERVERNAME)
        self.ca = directory / "ca.pem"
        authority.cert_pem.write_to_path(self.ca)
        pem = directory / "server.pem"
        issued.private_key_and_cert_chain_pem.write_to_path(pem)
        self._process = start([sys.executable, str(HERE / "server.py"), str(pem)], core)
        assert self._process.stdout is not None, "it is a pipe"
        self.port = int(self._process.stdout.readline())
        context = ssl.create_default_context(cafile=self.ca)
        self._control = context.wrap_socket(
            socket.create_connection((HOST, self.port)), server_hostname=SERVERNAME
        )
        self.seen()

    def seen(self) -> Counter[str]:
        """What happened since the last call: connections, resumed, ended in order, negotiated …"""
        self._control.sendall(struct.pack(">cQ", b"Q", 0))
        answer = b""
        while not answer.endswith(b"\n"):
            answer += self._control.recv(65536)
        return Counter(json.loads(answer))

    def close(self) -> None:
        self._control.close()
        self._process.kill()
        self._process.communicate()


@contextlib.contextmanager
def serving(core: set[int] | None) -> Iterator[Server]:
    with tempfile.TemporaryDirectory() as directory:
        server = Server(Path(directory), core)
        try:
            yield server
        finally:
            server.close()


def run_client(
    peer: Peer, scenario: Scenario, amount: int, server: Server, core: set[int] | None
) -> tuple[Mapping[str, float], str]:
    """One client, one scenario: what it reports, and the version and cipher it negotiated."""
    given = {
        "scenario": scenario.key,
        "host": HOST,
        "port": server.port,
        "servername": SERVERNAME,
        "ca": server.ca,
        "amount": amount,
    }
    options = [word for name, value in given.items() for word in (f"--{name}", str(value))]
    client = start([*peer.command(), *options], core, peer.environment)
    try:
        output, _ = client.communicate(timeout=CLIENT_SECONDS)
    except subprocess.TimeoutExpired:
        client.kill()
        client.communicate()
        raise UnfairError(f"{peer.title}: {scenario.key}: over {CLIENT_SECONDS:.0f} s") from None
    if client.returncode:
        raise UnfairError(f"{peer.title}: {scenario.key} ended with status {client.returncode}")
    time.sleep(0.05)  # the server's threads notice the end
    seen = server.seen()
    return json.loads(output), audit(peer, scenario, amount, seen)


def audit(peer: Peer, scenario: Scenario, amount: int, seen: Counter[str]) -> str:
    """Hold the client to what everybody does; return the version and cipher it negotiated."""
    negotiated = sorted(key for key in seen if key.startswith("negotiated "))
    if len(negotiated) != 1:
        raise UnfairError(f"{peer.title}: {scenario.key}: negotiated {negotiated}")
    if seen["resumed"]:
        raise UnfairError(f"{peer.title}: {scenario.key}: {seen['resumed']} sessions were resumed")
    # One more than asked for: the client warms up with it.
    complete = seen["connections"] == seen["ended in order"] == amount + 1
    if scenario.key in ("handshake", ASKING) and not complete:
        raise UnfairError(f"{peer.title}: {scenario.key}: {amount} asked for, seen {dict(seen)}")
    return negotiated[0].removeprefix("negotiated ")


def environment(arguments: argparse.Namespace, node: Peer | None) -> dict[str, object]:
    node_version = None
    if node is not None:
        words = "`${process.version.slice(1)}, OpenSSL ${process.versions.openssl}`"
        node_version = subprocess.run(
            [node.command()[0], "-p", words],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    return {
        "python": platform.python_version(),
        "openssl": " ".join(ssl.OPENSSL_VERSION.split()[:2]),
        "node": node_version,
        "system": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "rounds": arguments.rounds,
        "negotiated": "?",
    }


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, help="turns of everybody (5; with --quick 2)")
    parser.add_argument("--size", type=int, metavar="MIB", help="MiB to download and to upload")
    parser.add_argument("--quick", action="store_true", help="small amounts, for an impression")
    parser.add_argument(
        "--only", type=Listed({scenario.key for scenario in SCENARIOS}), metavar="SCENARIO,…"
    )
    parser.add_argument("--peers", type=Listed({peer.key for peer in PEERS}), metavar="PEER,…")
    parser.add_argument("--json", type=Path, metavar="PATH")
    parser.add_argument("--svg", type=Path, metavar="PATH")
    parser.add_argument("--write", action="store_true", help="results.json, results.svg here")
    arguments = parser.parse_args()
    if arguments.rounds is None:
        arguments.rounds = 2 if arguments.quick else 5
    if arguments.rounds < 1 or (arguments.size is not None and arguments.size < 1):
        parser.error("--rounds and --size are at least 1")
    if arguments.write:
        arguments.json = arguments.json or HERE / "results.json"
        arguments.svg = arguments.svg or HERE / "results.svg"
    return arguments


class Listed:
    """An argparse type: names out of a set, separated by commas."""

    def __init__(self, names: set[str]) -> None:
        self._names = names

    def __call__(self, text: str) -> set[str]:
        chosen = set(text.split(","))
        if unknown := chosen - self._names:
            raise argparse.ArgumentTypeError(
                f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(sorted(self._names))}"
            )
        return chosen


def amount_of(scenario: Scenario, arguments: argparse.Namespace) -> int:
    if arguments.size is not None and scenario.key in ("download", "upload"):
        return int(arguments.size) << 20
    return scenario.quick_amount if arguments.quick else scenario.amount


def raise_file_limit() -> None:
    """A thousand connections need more descriptors than many systems hand out at first."""
    if sys.platform != "win32":
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def main() -> None:
    arguments = read_arguments()
    raise_file_limit()
    scenarios = [one for one in SCENARIOS if arguments.only is None or one.key in arguments.only]
    chosen = [peer for peer in PEERS if arguments.peers is None or peer.key in arguments.peers]
    skipped = {peer.key: reason for peer in chosen if (reason := peer.missing()) is not None}
    peers = [peer for peer in chosen if peer.key not in skipped]
    for peer in chosen:
        if peer.key in skipped:
            print(f"skipping {peer.title}: {skipped[peer.key]}")
    if not Path("/proc/self/smaps_rollup").exists():
        print("skipping the memory of idle connections: this system has no smaps_rollup")
        scenarios = [one for one in scenarios if one.key != "idle"]

    node = next((peer for peer in peers if peer.key == NODE), None)
    told = environment(arguments, node)
    report = Report(environment=told, skipped=skipped)
    client_cores, server_core = cores() or (None, None)
    negotiated: dict[str, str] = {}
    terminal = sys.stderr.isatty()
    with serving(server_core) as server:
        for turn in range(arguments.rounds):
            # Everybody is first once: neither a cold start nor a warm machine favours one.
            order = peers[turn % len(peers) :] + peers[: turn % len(peers)]
            for scenario in scenarios:
                amount = amount_of(scenario, arguments)
                for peer in order:
                    if not peer.takes_part(scenario):
                        continue
                    if terminal:
                        line = f"round {turn + 1}: {scenario.key}, {peer.title}"
                        width = shutil.get_terminal_size().columns - 1
                        print(f"\r{line:<{width}}", end="", file=sys.stderr, flush=True)
                    reported, used = run_client(peer, scenario, amount, server, client_cores)
                    negotiated[peer.title] = used
                    report.add(scenario.key, peer.key, scenario.figure(reported, amount), reported)
    if terminal:
        print(file=sys.stderr)
    if len(set(negotiated.values())) > 1:
        raise UnfairError(f"not everybody negotiated the same: {negotiated}")
    told["negotiated"] = next(iter(negotiated.values()), "nothing")

    print(*(f"{name}: {value}" for name, value in told.items()), "", sep="\n")
    print(table(report))
    print(targets(report))
    if arguments.json:
        arguments.json.write_text(json.dumps(as_json(report), indent=1, ensure_ascii=False) + "\n")
    if arguments.svg:
        arguments.svg.write_text(chart(report), encoding="utf-8")


if __name__ == "__main__":
    try:
        main()
    except UnfairError as problem:
        sys.exit(str(problem))
