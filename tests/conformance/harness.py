"""Runs scenarios: a server of `tests.servers` for each, and one of the two clients.

All chosen scenarios run in one event loop, many at a time: nearly all of their time is pauses
that the recordings ask for. Programs that share something with their whole process (an exception
handler, an environment variable) run alone, after the others.
"""

from __future__ import annotations

import asyncio
import contextlib
import difflib
import functools
import gc
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from tests import pki
from tests.conformance import normal, scenarios
from tests.conformance.node_client import NodeClient, NodeDied
from tests.conformance.outcome import Outcome
from tests.conformance.python_client import PythonClient
from tests.conformance.scenarios import Scenario
from tests.servers import PSK_IN_PYTHON, Server, ServerPlan

Json: TypeAlias = Any
Runner: TypeAlias = Callable[[Scenario, Mapping[str, Json]], Awaitable[Json]]

SETTLE_MS = 80
"""From `close` to the snapshot of the state, as in the recordings."""
IDLE_MS = 250
"""How long nothing must happen before a socket that stays open is looked at."""
AT_ONCE = 12
LIMIT = 15.0

UNREACHABLE = "255.255.255.255"
"""connect(2) answers ENETUNREACH at once, on every machine: TCP has no broadcast."""


@dataclass
class Stage:
    """A scenario's server, running, and what the symbols of the recording mean in this run."""

    server: Server
    local_port: int
    symbols: dict[str, Json]

    @property
    def places(self) -> normal.Places:
        return normal.Places(
            self.server.port,
            self.local_port,
            self.server.path,
            **{"192_0_2_1": UNREACHABLE},
        )


def _free_port(*, listening: bool) -> tuple[int, socket.socket]:
    holder = socket.socket()
    holder.bind(("127.0.0.1", 0))
    if listening:
        holder.listen()
    return holder.getsockname()[1], holder


def tells(plan: ServerPlan) -> bool:
    """Whether a server of this plan says what it saw; openssl's does not."""
    return plan.kind == "serve" and (plan.psk is None or PSK_IN_PYTHON)


@contextlib.asynccontextmanager
async def staged(scenario: Scenario) -> AsyncIterator[Stage]:
    server = Server(scenario.plan)
    await asyncio.to_thread(server.__enter__)
    listening = scenario.name == "connect-local-address-in-use-port"
    local_port, holder = _free_port(listening=listening)
    if not listening:
        holder.close()
    symbols = {
        "<port>": server.port,
        "<localport>": local_port,
        "<unix-path>": server.path,
        "<AbortSignal>": {"$": "signal"},
        "192.0.2.1": UNREACHABLE if scenario.name == "connect-enetunreach" else "192.0.2.1",
        "<SecureContext from tls.createSecureContext({ca: cert root-a})>": {
            "$": "secureContext",
            "ca": pki.pem("root-a").decode(),
        },
    }
    try:
        yield Stage(server, local_port, symbols)
    finally:
        holder.close()
        await asyncio.to_thread(server.close)


async def run_one(scenario: Scenario, runner: Runner) -> Outcome:
    """Run a scenario with one of the clients, and normalise what it answers."""
    async with staged(scenario) as stage:
        server = stage.server
        request = {
            "id": scenario.name,
            "arguments": scenario.arguments(stage.symbols),
            "program": scenario.program.as_json(),
            "target": {"path": server.path}
            if server.path
            else {"port": server.port, "host": server.plan.address},
            "settle": SETTLE_MS,
            "open": IDLE_MS if scenario.stays_open else 0,
            "uncaught": scenario.hears_uncaught,
            "aborted": scenario.name == "signal-aborted-before",
        }
        outcome = Outcome()
        try:
            answer = await asyncio.wait_for(runner(scenario, request), LIMIT)
        except (TimeoutError, NodeDied) as error:
            outcome.problem = f"{type(error).__name__}: {error}"
            return outcome
        await asyncio.to_thread(server.wait)
        places = stage.places
        outcome.events = normal.events(answer["events"], places)
        outcome.after = normal.after(answer["after"], places)
        outcome.saw = normal.saw(server.saw, scenario.saw()) if tells(server.plan) else []
        outcome.problem = answer.get("problem")
        return outcome


async def run_many(names: Iterable[str], runner: Runner) -> dict[str, Outcome]:
    everything = scenarios.load()
    gate = asyncio.Semaphore(AT_ONCE)
    outcomes: dict[str, Outcome] = {}

    async def run(scenario: Scenario) -> None:
        async with gate:
            outcomes[scenario.name] = await run_one(scenario, runner)

    chosen = [everything[name] for name in names]
    await asyncio.gather(*(run(each) for each in chosen if not each.alone))
    for scenario in chosen:
        if scenario.alone:
            await run(scenario)
    return outcomes


# --- Node -------------------------------------------------------------------------------------


def environment_of(scenario: Scenario) -> dict[str, str]:
    described = scenario.recording.get("environment", {})
    return {
        key: pki.cert_path("root-a") if text == "<file with cert root-a>" else text
        for key, text in described.items()
    }


def needs_own_process(scenario: Scenario) -> bool:
    kills = scenario.name == "signal-aborted-before" or scenario.name.startswith("option-alpn-")
    return kills or "environment" in scenario.recording or "flags" in scenario.recording


async def run_node(names: Iterable[str]) -> dict[str, Outcome]:
    """Run scenarios with the live Node."""

    async def own(scenario: Scenario, request: Mapping[str, Json]) -> Json:
        flags = scenario.recording.get("flags", [])
        async with NodeClient(*flags, environment=environment_of(scenario)) as client:
            return await client.run(request)

    async with NodeClient() as shared:

        async def runner(scenario: Scenario, request: Mapping[str, Json]) -> Json:
            if needs_own_process(scenario):
                return await own(scenario, request)
            return await shared.run(request)

        return await run_many(names, runner)


# --- this library -----------------------------------------------------------------------------


async def run_python(names: Iterable[str]) -> dict[str, Outcome]:
    """Run scenarios with this library, in the running loop."""
    with PythonClient() as client:

        async def runner(scenario: Scenario, request: Mapping[str, Json]) -> Json:
            with conditions(scenario):
                return await client.run(request)

        outcomes = await run_many(names, runner)
    assert not client.stray, f"the loop's exception handler heard: {client.stray}"
    return outcomes


@contextlib.contextmanager
def conditions(scenario: Scenario) -> Iterator[None]:
    """What the recording had around the client: the environment, the resolver, the kernel."""
    loop = asyncio.get_running_loop()
    with pytest.MonkeyPatch.context() as patch:
        for key, text in environment_of(scenario).items():
            patch.setenv(key, text)
        if scenario.name in _RESOLVERS:

            async def getaddrinfo(*_: object, **__: object) -> Json:
                await asyncio.sleep(0.001)
                raise _RESOLVERS[scenario.name]

            patch.setattr(loop, "getaddrinfo", getaddrinfo)
        if scenario.name in IMPATIENT:
            sock_connect = loop.sock_connect

            async def connect(sock: socket.socket, address: Json) -> None:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_SYNCNT, 1)
                await sock_connect(sock, address)

            patch.setattr(loop, "sock_connect", connect)
        yield


_RESOLVERS = {
    "lookup-enotfound-dns": socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
    "lookup-eai-again-dns": socket.gaierror(socket.EAI_AGAIN, "Temporary failure"),
}
IMPATIENT = {"connect-etimedout-kernel", "autoselect-first-times-out-second-times-out"}
"""Recorded with one SYN retry: a setting of the kernel there, of the socket here."""


@contextlib.contextmanager
def nothing_left_open() -> Iterator[None]:
    """Fail if a socket, a pipe or an anonymous file is open that was not open before."""
    before = _descriptors()
    yield
    gc.collect()
    left = {name for name in _descriptors() if name not in before}
    assert not left, f"file descriptors left open: {sorted(left)}"


def _descriptors() -> set[str]:
    found = set()
    folder = Path("/proc/self/fd")
    for entry in folder.iterdir() if folder.exists() else ():
        with contextlib.suppress(OSError):
            target = entry.readlink()
            if str(target).startswith(("socket:", "pipe:")) or "memfd" in str(target):
                found.add(f"{entry.name} {target}")
    return found


# --- comparing --------------------------------------------------------------------------------

NOWHERE = normal.Places()


@functools.cache
def _recorded(name: str, version: str) -> Outcome:
    scenario = scenarios.load()[name]
    saw = scenario.saw(version)
    return Outcome(
        normal.events(scenario.events(version), NOWHERE),
        normal.after(scenario.after(version), NOWHERE),
        normal.saw(saw, saw) if tells(scenario.plan) else [],
    )


def recorded(name: str, version: str = "v26") -> Outcome:
    return _recorded(name, version).copy()


def difference(want: list[str], got: list[str], scenario: Scenario) -> str:
    """What a failing test shows: the scenario in its own words, and a diff."""
    recording = scenario.recording
    head = [f"server:  {recording['server']}", f"actions: {recording['actions']}"]
    diff = difflib.unified_diff(want, got, "expected", "got", n=2, lineterm="")
    return "\n".join([scenario.name, *head, *diff])


def selected(items: Iterable[pytest.Item], test: str) -> list[str]:
    """The scenarios that pytest is going to ask for in this session."""
    return [
        str(item.callspec.params["name"])
        for item in items
        if isinstance(item, pytest.Function) and item.originalname == test
    ]
