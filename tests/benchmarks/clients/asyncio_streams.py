"""asyncio's streams; with `--uvloop`, the same on uvloop."""

from __future__ import annotations

import asyncio

from tests.benchmarks.clients.harness import (
    MESSAGE,
    READ_BYTES,
    WRITE_BYTES,
    Job,
    handshakes,
    idling,
    run_asyncio,
)


async def connect(job: Job) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(
        job.host, job.port, ssl=job.context, server_hostname=job.servername
    )


async def download(job: Job) -> None:
    reader, writer = await connect(job)
    with job.measured():
        writer.write(job.command(b"D"))
        left = job.amount
        while left:
            left -= len(await reader.read(READ_BYTES))


async def upload(job: Job) -> None:
    reader, writer = await connect(job)
    block = bytes(WRITE_BYTES)
    with job.measured():
        writer.write(job.command(b"U"))
        for _ in range(job.amount // WRITE_BYTES):
            writer.write(block)
            await writer.drain()
        assert await reader.read(1) == b"!"


async def roundtrip(job: Job) -> None:
    reader, writer = await connect(job)
    with job.measured():
        writer.write(job.command(b"E"))
        for _ in range(job.amount):
            # No drain(): 64 bytes fit, and it would only add to the figure.
            writer.write(MESSAGE)
            await reader.readexactly(len(MESSAGE))


async def open_and_close(job: Job) -> None:
    _, writer = await connect(job)
    writer.close()
    await writer.wait_closed()


async def handshake(job: Job) -> None:
    await handshakes(job, open_and_close)


async def open_one(job: Job) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await connect(job)
    writer.write(job.command(b"E", 1) + MESSAGE)
    await reader.readexactly(len(MESSAGE))
    return reader, writer


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
