"""asyncio's `BufferedProtocol`, which differs from `Protocol` only in how it receives."""

from __future__ import annotations

import asyncio
from typing import cast

from tests.benchmarks.clients.harness import (
    MESSAGE,
    READ_BYTES,
    Job,
    idling,
    run_asyncio,
)

# The bytes are only counted, so one buffer serves every connection of the process.
BUFFER = bytearray(READ_BYTES)


class Client(asyncio.BufferedProtocol):
    transport: asyncio.Transport

    def __init__(self) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.left = 0
        self.step = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not isinstance(): uvloop's TLS transport is none by name.
        self.transport = cast("asyncio.Transport", transport)

    def get_buffer(self, sizehint: int) -> bytearray:
        return BUFFER

    def buffer_updated(self, nbytes: int) -> None:
        self.left -= nbytes
        if not self.left:
            self.done.set_result(None)
        elif self.step and self.left % self.step == 0:
            self.transport.write(MESSAGE)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or EOFError("the server has closed"))


async def connect(job: Job) -> Client:
    _, client = await asyncio.get_running_loop().create_connection(
        Client, job.host, job.port, ssl=job.context, server_hostname=job.servername
    )
    return client


async def download(job: Job) -> None:
    client = await connect(job)
    with job.measured():
        client.left = job.amount
        client.transport.write(job.command(b"D"))
        await client.done


async def roundtrip(job: Job) -> None:
    client = await connect(job)
    with job.measured():
        client.step = len(MESSAGE)
        client.left = job.amount * len(MESSAGE)
        client.transport.write(job.command(b"E") + MESSAGE)
        await client.done


async def open_one(job: Job) -> Client:
    client = await connect(job)
    client.left = len(MESSAGE)
    client.transport.write(job.command(b"E", 1) + MESSAGE)
    await client.done
    return client


async def idle(job: Job) -> None:
    await idling(job, open_one)


if __name__ == "__main__":
    run_asyncio({"download": download, "roundtrip": roundtrip, "idle": idle})
