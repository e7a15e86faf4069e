"""tlsevents as a porter from Node writes it: listeners, `write`, `drain`; also on uvloop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import statistics
import time
from pathlib import Path

import tlsevents
from tests.benchmarks.clients.harness import (
    MESSAGE,
    WRITE_BYTES,
    Job,
    handshakes,
    idling,
    run_asyncio,
)


def connect(job: Job) -> tlsevents.TLSSocket:
    return tlsevents.connect(host=job.host, port=job.port, servername=job.servername, ca=job.roots)


def failing(socket: tlsevents.TLSSocket) -> asyncio.Future[None]:
    """What a scenario awaits; an `error` is raised from it instead of waiting for ever."""
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    socket.on("error", done.set_exception)
    return done


async def download(job: Job) -> None:
    socket = await connect(job)
    done = failing(socket)
    left = job.amount

    def received(chunk: bytes) -> None:
        nonlocal left
        left -= len(chunk)
        if not left:
            done.set_result(None)

    with job.measured():
        socket.on("data", received)
        socket.write(job.command(b"D"))
        await done


async def upload(job: Job) -> None:
    socket = await connect(job)
    done = failing(socket)
    block = bytes(WRITE_BYTES)
    left = job.amount // WRITE_BYTES

    def pump() -> None:
        nonlocal left
        while left:
            left -= 1
            if not socket.write(block):
                return

    with job.measured():
        socket.on("drain", pump)
        socket.on("data", lambda chunk: done.set_result(None))
        socket.write(job.command(b"U"))
        pump()
        await done


def round_trips(socket: tlsevents.TLSSocket, count: int) -> asyncio.Future[None]:
    done = failing(socket)
    missing = len(MESSAGE)

    def received(chunk: bytes) -> None:
        nonlocal count, missing
        missing -= len(chunk)
        if missing:
            return
        missing = len(MESSAGE)
        count -= 1
        if count:
            socket.write(MESSAGE)
        else:
            done.set_result(None)

    socket.on("data", received)
    socket.write(MESSAGE)
    return done


async def roundtrip(job: Job) -> None:
    socket = await connect(job)
    with job.measured():
        socket.write(job.command(b"E"))
        await round_trips(socket, job.amount)


async def open_and_close(job: Job) -> None:
    socket = connect(job)
    if job.ask == "trace":
        socket.enable_trace()
    elif job.ask is not None:
        socket.on(job.ask, lambda told: None)
    socket.on("secureConnect", socket.end)
    await socket.wait_closed()


async def handshake(job: Job) -> None:
    await handshakes(job, open_and_close)


async def open_one(job: Job) -> tlsevents.TLSSocket:
    socket: tlsevents.TLSSocket = await connect(job)
    socket.write(job.command(b"E", 1))
    await round_trips(socket, 1)
    return socket


async def idle(job: Job) -> None:
    await idling(job, open_one)


async def asking(job: Job) -> None:
    # Nobody reads the trace; writing it is part of its price.
    with Path(os.devnull).open("w", encoding="utf-8") as nobody, contextlib.redirect_stderr(nobody):
        await handshake(job)


class Stretch:
    """The longest time for which the loop called nobody else, seen by a callback in every turn."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._loop = asyncio.get_running_loop()
        self._last = time.perf_counter()
        self._handle = self._loop.call_soon(self._beat)

    def _beat(self) -> None:
        now = time.perf_counter()
        self.longest = max(self.longest, now - self._last)
        self._last = now
        self._handle = self._loop.call_soon(self._beat)

    def stop(self) -> None:
        self._handle.cancel()


async def connect_call(job: Job) -> None:
    await open_and_close(job)
    gc.collect()
    calls: list[float] = []
    stretches: list[float] = []
    for _ in range(job.amount):
        stretch = Stretch()
        began = time.perf_counter()
        socket = connect(job)
        calls.append(time.perf_counter() - began)
        await socket
        stretch.stop()
        stretches.append(stretch.longest)
        socket.end()
        await socket.wait_closed()
    job.result["median"] = statistics.median(calls)
    job.result["max"] = max(calls)
    job.result["stretch"] = statistics.median(stretches)


if __name__ == "__main__":
    run_asyncio(
        {
            "download": download,
            "upload": upload,
            "roundtrip": roundtrip,
            "handshake": handshake,
            "idle": idle,
            "connect": connect_call,
            "asking": asking,
        }
    )
