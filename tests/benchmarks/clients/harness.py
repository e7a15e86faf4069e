"""What every Python client of the benchmark shares: its job, its clock, and its way to report.

A client is a table from scenario to function. The function opens its connection, and puts what is
to be measured into `with job.measured():`, so that starting up, importing, loading the CA and (but
for the handshakes) connecting are in nobody's figures.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import functools
import gc
import json
import os
import resource
import ssl
import struct
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

READ_BYTES = 256 * 1024
WRITE_BYTES = 256 * 1024
MESSAGE = b"m" * 64
# Connections opened before the idle ones are counted: what is bought once is not their cost.
WARM_CONNECTIONS = 25
# Long enough for the server's session tickets to have arrived and been put away.
SETTLE_SECONDS = 0.3


@dataclass
class Job:
    scenario: str
    host: str
    port: int
    servername: str
    ca: str
    amount: int
    # What else a socket is asked for: "session", "keylog" or "trace".
    ask: str | None = None
    result: dict[str, object] = field(default_factory=dict)

    @functools.cached_property
    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.ca)

    @functools.cached_property
    def roots(self) -> bytes:
        return Path(self.ca).read_bytes()

    def command(self, letter: bytes, number: int | None = None) -> bytes:
        return struct.pack(">cQ", letter, self.amount if number is None else number)

    @contextlib.contextmanager
    def measured(self) -> Iterator[None]:
        gc.collect()
        before, began = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
        yield
        ended, after = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
        self.result["user"] = after.ru_utime - before.ru_utime
        self.result["system"] = after.ru_stime - before.ru_stime
        self.result["wall"] = ended - began

    @contextlib.contextmanager
    def weighed(self) -> Iterator[None]:
        gc.collect()
        before = proportional_set_size()
        yield
        gc.collect()
        self.result["bytes"] = proportional_set_size() - before


def proportional_set_size() -> int:
    with Path("/proc/self/smaps_rollup").open(encoding="ascii") as rollup:
        for line in rollup:
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    raise RuntimeError("no Pss in smaps_rollup")


async def handshakes(job: Job, open_and_close: Callable[[Job], Awaitable[object]]) -> None:
    """The scenario `handshake`; the first connection buys what is bought once."""
    await open_and_close(job)
    with job.measured():
        for _ in range(job.amount):
            await open_and_close(job)


async def idling(job: Job, open_one: Callable[[Job], Awaitable[object]]) -> None:
    """The scenario `idle`; `open_one` returns what keeps a connection open that has been used."""
    held = [await open_one(job) for _ in range(WARM_CONNECTIONS)]
    with job.weighed():
        held += [await open_one(job) for _ in range(job.amount)]
        await asyncio.sleep(SETTLE_SECONDS)


def _job() -> tuple[Job, bool]:
    parser = argparse.ArgumentParser()
    for name in ("scenario", "host", "servername", "ca"):
        parser.add_argument(f"--{name}", required=True)
    for name in ("port", "amount"):
        parser.add_argument(f"--{name}", required=True, type=int)
    parser.add_argument("--ask", choices=("session", "keylog", "trace"))
    parser.add_argument("--uvloop", action="store_true")
    arguments = vars(parser.parse_args())
    uvloop = arguments.pop("uvloop")
    return Job(**arguments), uvloop


def _report(job: Job) -> NoReturn:
    print(json.dumps(job.result), flush=True)
    # Closing a thousand connections in order is not what was asked; the kernel does it.
    os._exit(0)


def run_blocking(scenarios: Mapping[str, Callable[[Job], None]]) -> NoReturn:
    job, _ = _job()
    scenarios[job.scenario](job)
    _report(job)


def run_asyncio(scenarios: Mapping[str, Callable[[Job], Awaitable[None]]]) -> NoReturn:
    job, uvloop = _job()

    async def main() -> NoReturn:
        await scenarios[job.scenario](job)
        _report(job)

    if uvloop:
        import uvloop as fast

        with asyncio.Runner(loop_factory=fast.new_event_loop) as runner:
            runner.run(main())
    else:
        asyncio.run(main())
    sys.exit("the client ended without a report")
