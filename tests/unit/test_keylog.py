"""Exported keying material against another implementation of the same RFCs, and the pipe."""

from __future__ import annotations

import ssl

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from tlsevents.keylog import KeyLog, export_tls12, export_tls13, secret_named


@pytest.mark.parametrize("size", [32, 48])
@pytest.mark.parametrize("length", [1, 32, 48, 100, 1000])
def test_tls13_as_cryptography_has_it(size: int, length: int) -> None:
    algorithm = hashes.SHA384() if size == 48 else hashes.SHA256()

    def digest(data: bytes) -> bytes:
        made = hashes.Hash(algorithm)
        made.update(data)
        return made.finalize()

    def expand(secret: bytes, label: bytes, context: bytes, count: int) -> bytes:
        full = b"tls13 " + label
        info = count.to_bytes(2, "big") + bytes([len(full)]) + full
        return HKDFExpand(algorithm, count, info + bytes([len(context)]) + context).derive(secret)

    secret = bytes(range(size))
    derived = expand(secret, b"EXPERIMENTAL", digest(b""), size)
    expected = expand(derived, b"exporter", digest(b"context"), length)
    assert export_tls13(secret, b"EXPERIMENTAL", b"context", length) == expected
    assert export_tls13(secret, b"x", None, length) == export_tls13(secret, b"x", b"", length)


def test_the_prf_of_tls12() -> None:
    # The vector for P_SHA256 that was posted to the list of the TLS working group.
    secret = bytes.fromhex("9bbe436ba940f017b17652849a71db35")
    seed = bytes.fromhex("a0ba9f936cda311827a6f796ffd5198c")
    expected = "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a"
    got = export_tls12(secret, seed, b"test label", None, 32, "sha256")
    assert got.hex() == expected


def test_a_context_changes_tls12() -> None:
    made = {
        export_tls12(b"m" * 48, bytes(64), b"label", context, 16, digest)
        for context in (None, b"", b"x")
        for digest in ("sha256", "sha384", None)
    }
    assert len(made) == 9


def test_secrets_by_name() -> None:
    lines = [b"A 00 0102\n", b"B 00 0304\n"]
    assert secret_named("B", lines) == b"\3\4"
    assert secret_named("C", lines) is None


def test_a_log_has_followers_and_ends_with_the_last() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    log = KeyLog.follow(context, b"one")
    name = context.keylog_filename
    assert KeyLog.follow(context, b"two") is log
    assert context.keylog_filename == name
    with open(name, "ab") as file:
        file.write(b"# a comment\nLABEL 6f6e65 00\nLABEL ffff 01\nLABEL no-hex 02\nLABEL 74")
    assert log.take(b"two") == []
    assert log.take(b"one") == [b"LABEL 6f6e65 00\n"]
    assert log.take(b"one") == []
    with open(name, "ab") as file:
        file.write(b"776f 03\n")
    log.leave(context, b"one")
    assert log.take(b"two") == [b"LABEL 74776f 03\n"]
    log.leave(context, b"one")
    log.leave(context, b"two")
    assert context.keylog_filename is None
    log.leave(context, b"two")
    again = KeyLog.follow(context, b"one")
    again.rename(b"one", b"three")
    again.leave(context, b"three")
    assert context.keylog_filename is None
