"""asyncio's transports and `asyncio.Protocol`; with `--uvloop`, the same on uvloop."""

from __future__ import annotations

import asyncio
from typing import TypeVar, cast

from tests.benchmarks.clients.harness import (
    MESSAGE,
    WRITE_BYTES,
    Job,
    handshakes,
    idling,
    run_asyncio,
)


class Client(asyncio.Protocol):
    transport: asyncio.Transport

    def __init__(self) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not isinstance(): uvloop's TLS transport is none by name.
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        pass

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or EOFError("the server has closed"))


class Download(Client):
    left = 0

    def data_received(self, data: bytes) -> None:
        self.left -= len(data)
        if not self.left:
            self.done.set_result(None)


class Upload(Client):
    left = 0
    paused = False
    block = bytes(WRITE_BYTES)

    def resume_writing(self) -> None:
        self.paused = False
        self.pump()

    def pause_writing(self) -> None:
        self.paused = True

    def pump(self) -> None:
        while self.left and not self.paused:
            self.left -= WRITE_BYTES
            self.transport.write(self.block)

    def data_received(self, data: bytes) -> None:
        self.done.set_result(None)


class RoundTrips(Client):
    left = 0
    missing = len(MESSAGE)

    def data_received(self, data: bytes) -> None:
        self.missing -= len(data)
        if self.missing:
            return
        self.missing = len(MESSAGE)
        self.left -= 1
        if self.left:
            self.transport.write(MESSAGE)
        else:
            self.done.set_result(None)


class Closing(Client):
    def connection_lost(self, exc: Exception | None) -> None:
        if exc is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(exc)


AnyClient = TypeVar("AnyClient", bound=Client)


async def connect(job: Job, factory: type[AnyClient]) -> AnyClient:
    _, protocol = await asyncio.get_running_loop().create_connection(
        factory, job.host, job.port, ssl=job.context, server_hostname=job.servername
    )
    return protocol


async def download(job: Job) -> None:
    client = await connect(job, Download)
    with job.measured():
        client.left = job.amount
        client.transport.write(job.command(b"D"))
        await client.done


async def upload(job: Job) -> None:
    client = await connect(job, Upload)
    with job.measured():
        client.left = job.amount // WRITE_BYTES * WRITE_BYTES
        client.transport.write(job.command(b"U"))
        client.pump()
        await client.done


async def round_trips(job: Job, count: int) -> RoundTrips:
    client = await connect(job, RoundTrips)
    client.left = count
    return client


async def roundtrip(job: Job) -> None:
    client = await round_trips(job, job.amount)
    with job.measured():
        client.transport.write(job.command(b"E") + MESSAGE)
        await client.done


async def open_and_close(job: Job) -> None:
    client = await connect(job, Closing)
    client.transport.close()
    await client.done


async def handshake(job: Job) -> None:
    await handshakes(job, open_and_close)


async def open_one(job: Job) -> RoundTrips:
    client = await round_trips(job, 1)
    client.transport.write(job.command(b"E", 1) + MESSAGE)
    await client.done
    return client


async def idle(job: Job) -> None:
    await idling(job, open_one)


if __name__ == "__main__":
    run_asyncio(
        {
            "download": download,
            "upload": upload,
            "roundtrip": roundtrip,
            "handshake": handshake,
            "idle": idle,
        }
    )
