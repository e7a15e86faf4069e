"""anyio's TLS stream, on asyncio."""

from __future__ import annotations

import anyio
from anyio.streams.tls import TLSStream

from tests.benchmarks.clients.harness import (
    MESSAGE,
    READ_BYTES,
    WRITE_BYTES,
    Job,
    handshakes,
    idling,
    run_asyncio,
)


async def connect(job: Job) -> TLSStream:
    return await anyio.connect_tcp(
        job.host, job.port, tls=True, ssl_context=job.context, tls_hostname=job.servername
    )


async def round_trip(stream: TLSStream) -> None:
    await stream.send(MESSAGE)
    missing = len(MESSAGE)
    while missing:
        missing -= len(await stream.receive(missing))


async def download(job: Job) -> None:
    stream = await connect(job)
    with job.measured():
        await stream.send(job.command(b"D"))
        left = job.amount
        while left:
            left -= len(await stream.receive(READ_BYTES))


async def upload(job: Job) -> None:
    stream = await connect(job)
    block = bytes(WRITE_BYTES)
    with job.measured():
        await stream.send(job.command(b"U"))
        for _ in range(job.amount // WRITE_BYTES):
            await stream.send(block)
        assert await stream.receive(1) == b"!"


async def roundtrip(job: Job) -> None:
    stream = await connect(job)
    with job.measured():
        await stream.send(job.command(b"E"))
        for _ in range(job.amount):
            await round_trip(stream)


async def open_and_close(job: Job) -> None:
    await (await connect(job)).aclose()


async def handshake(job: Job) -> None:
    await handshakes(job, open_and_close)


async def open_one(job: Job) -> TLSStream:
    stream = await connect(job)
    await stream.send(job.command(b"E", 1))
    await round_trip(stream)
    return stream


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
