"""The yardstick: a blocking `ssl.SSLSocket`."""

from __future__ import annotations

import socket
import ssl
import time

from tests.benchmarks.clients.harness import (
    MESSAGE,
    READ_BYTES,
    SETTLE_SECONDS,
    WARM_CONNECTIONS,
    WRITE_BYTES,
    Job,
    run_blocking,
)


def connect(job: Job) -> ssl.SSLSocket:
    raw = socket.create_connection((job.host, job.port))
    # The other clients' event loops do the same.
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return job.context.wrap_socket(raw, server_hostname=job.servername)


def round_trip(tls: ssl.SSLSocket) -> None:
    tls.sendall(MESSAGE)
    missing = len(MESSAGE)
    while missing:
        missing -= len(tls.recv(missing))


def download(job: Job) -> None:
    tls = connect(job)
    buffer = bytearray(READ_BYTES)
    with job.measured():
        tls.sendall(job.command(b"D"))
        left = job.amount
        while left:
            left -= tls.recv_into(buffer)


def upload(job: Job) -> None:
    tls = connect(job)
    block = bytes(WRITE_BYTES)
    with job.measured():
        tls.sendall(job.command(b"U"))
        for _ in range(job.amount // WRITE_BYTES):
            tls.sendall(block)
        assert tls.recv(1) == b"!"


def roundtrip(job: Job) -> None:
    tls = connect(job)
    with job.measured():
        tls.sendall(job.command(b"E"))
        for _ in range(job.amount):
            round_trip(tls)


def handshake(job: Job) -> None:
    connect(job).unwrap().close()
    with job.measured():
        for _ in range(job.amount):
            connect(job).unwrap().close()


def idle(job: Job) -> None:
    def open_one() -> ssl.SSLSocket:
        tls = connect(job)
        tls.sendall(job.command(b"E", 1))
        round_trip(tls)
        return tls

    held = [open_one() for _ in range(WARM_CONNECTIONS)]
    with job.weighed():
        held += [open_one() for _ in range(job.amount)]
        time.sleep(SETTLE_SECONDS)


if __name__ == "__main__":
    run_blocking(
        {
            "download": download,
            "upload": upload,
            "roundtrip": roundtrip,
            "handshake": handshake,
            "idle": idle,
        }
    )
