"""tlsevents as an asyncio developer writes it: `await`, `async with`, `async for`, `drain()`."""

from __future__ import annotations

import tlsevents
from tests.benchmarks.clients.harness import (
    MESSAGE,
    WRITE_BYTES,
    Job,
    handshakes,
    run_asyncio,
)


def connect(job: Job) -> tlsevents.TLSSocket:
    return tlsevents.connect(host=job.host, port=job.port, servername=job.servername, ca=job.roots)


async def download(job: Job) -> None:
    socket = await connect(job)
    with job.measured():
        socket.write(job.command(b"D"))
        left = job.amount
        async for chunk in socket:
            left -= len(chunk)
            if not left:
                break


async def upload(job: Job) -> None:
    socket = await connect(job)
    block = bytes(WRITE_BYTES)
    with job.measured():
        socket.write(job.command(b"U"))
        for _ in range(job.amount // WRITE_BYTES):
            socket.write(block)
            await socket.drain()
        assert await anext(aiter(socket)) == b"!"


async def roundtrip(job: Job) -> None:
    socket = await connect(job)
    with job.measured():
        socket.write(job.command(b"E"))
        socket.write(MESSAGE)
        left, missing = job.amount, len(MESSAGE)
        async for chunk in socket:
            missing -= len(chunk)
            if missing:
                continue
            missing = len(MESSAGE)
            left -= 1
            if not left:
                break
            socket.write(MESSAGE)


async def open_and_close(job: Job) -> None:
    async with connect(job):
        pass


async def handshake(job: Job) -> None:
    await handshakes(job, open_and_close)


if __name__ == "__main__":
    run_asyncio(
        {"download": download, "upload": upload, "roundtrip": roundtrip, "handshake": handshake}
    )
