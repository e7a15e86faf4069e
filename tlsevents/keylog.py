"""The secrets of a connection: the key log, and the keying material that is exported from it.

Theory of operation
-------------------

* OpenSSL writes the secrets of a handshake, one line each, to a function; the only one that
  CPython offers writes into a named file (`SSLContext.keylog_filename`). Here that name is the
  entrance of a pipe (`/dev/fd/N`), so that no secret ever touches a disk.
* Whoever wants the log has a context that is used by nobody else (see `SecureContext`), and all
  connections on it share one pipe. A line begins with a label and the client random of its
  connection: by that it is told whose it is.
* Nothing blocks. A connection empties the pipe after every step of its handshake, which writes at
  most six lines of 200 bytes; the pipe holds 64 KiB at least. The exit is non-blocking.
* The pipe exists while a handshake is under way. With the last one it is closed, and the context
  stops writing.

The labels are those of NSS (draft-ietf-tls-keylogfile). The exporters are RFC 5705 section 4 and
RFC 8446 section 7.5.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

__all__ = ["KeyLog", "export_tls12", "export_tls13", "secret_named"]

_F_SETPIPE_SZ = 1031  # fcntl(2) on Linux; the module has the name from Python 3.10 on, there only
_ROOM = 1 << 20


class KeyLog:
    """The pipe behind one context, for as long as somebody follows it."""

    _logs: ClassVar[WeakKeyDictionary[ssl.SSLContext, KeyLog]] = WeakKeyDictionary()
    _lock: ClassVar[threading.Lock] = threading.Lock()

    __slots__ = ("_entrance", "_exit", "_lines", "_rest")

    def __init__(self) -> None:
        self._exit = self._entrance = -1
        self._lines: dict[bytes, list[bytes]] = {}
        self._rest = b""

    @staticmethod
    def available() -> bool:
        """Whether this system has names for open files."""
        return Path("/dev/fd").is_dir()

    @classmethod
    def follow(cls, context: ssl.SSLContext, follower: bytes) -> KeyLog:
        """Start (or join) the log of a context; `follower` is a token for this connection.

        Raises: OSError when there are no file descriptors left.
        """
        with cls._lock:
            log = cls._logs.get(context)
            if log is None:
                log = cls._logs[context] = cls()
            if not log._lines:
                log._open(context)
            log._lines[follower] = []
            return log

    def leave(self, context: ssl.SSLContext, follower: bytes) -> None:
        """Be done with it; the last one to leave turns the log off."""
        with self._lock:
            if self._lines.pop(follower, None) is not None and not self._lines:
                context.keylog_filename = None  # type: ignore[assignment]
                os.close(self._entrance)
                os.close(self._exit)
                self._exit = self._entrance = -1
                self._rest = b""

    def rename(self, follower: bytes, client_random: bytes) -> None:
        """Say what a follower's lines are known by, once its ClientHello is written."""
        with self._lock:
            self._lines[client_random] = self._lines.pop(follower)

    def take(self, client_random: bytes) -> list[bytes]:
        """Return the lines of a connection that were written since the last time."""
        with self._lock:
            self._read()
            lines = self._lines.get(client_random)
            if not lines:
                return []
            self._lines[client_random] = []
            return lines

    def _open(self, context: ssl.SSLContext) -> None:
        self._exit, self._entrance = os.pipe()
        try:
            os.set_blocking(self._exit, False)
            with contextlib.suppress(ImportError, OSError):
                import fcntl

                fcntl.fcntl(self._entrance, _F_SETPIPE_SZ, _ROOM)
            context.keylog_filename = f"/dev/fd/{self._entrance}"
        except BaseException:
            os.close(self._exit)
            os.close(self._entrance)
            raise

    def _read(self) -> None:
        data = self._rest
        with contextlib.suppress(BlockingIOError):
            while block := os.read(self._exit, _ROOM):
                data += block
        *whole, self._rest = data.split(b"\n")
        for line in whole:
            words = line.split(b" ")
            if len(words) != 3:
                continue  # a comment
            with contextlib.suppress(ValueError):
                lines = self._lines.get(bytes.fromhex(words[1].decode("latin-1")))
                if lines is not None:
                    lines.append(line + b"\n")


def secret_named(label: str, lines: list[bytes]) -> bytes | None:
    """Return the secret of that label, None if no line has it."""
    for line in lines:
        words = line.split()
        if words[0] == label.encode():
            return bytes.fromhex(words[2].decode())
    return None


# --- Exported keying material ---------------------------------------------------------------------

_Hash = Callable[..., Any]


def export_tls13(secret: bytes, label: bytes, context: bytes | None, length: int) -> bytes:
    """RFC 8446 section 7.5; no context is the same as an empty one.

    Args:    secret: that of the label EXPORTER_SECRET; as long as its hash.
    """
    digest: _Hash = hashlib.sha384 if len(secret) == 48 else hashlib.sha256
    derived = _expand_label(secret, label, digest(b"").digest(), len(secret), digest)
    return _expand_label(derived, b"exporter", digest(context or b"").digest(), length, digest)


def _expand_label(secret: bytes, label: bytes, context: bytes, length: int, digest: _Hash) -> bytes:
    # HKDF-Expand-Label, RFC 8446 section 7.1; HKDF-Expand, RFC 5869 section 2.3.
    full = b"tls13 " + label
    info = length.to_bytes(2, "big") + bytes([len(full)]) + full + bytes([len(context)]) + context
    blocks = [b""]
    while sum(map(len, blocks)) < length:
        text = blocks[-1] + info + bytes([len(blocks)])
        blocks.append(hmac.new(secret, text, digest).digest())
    return b"".join(blocks)[:length]


def export_tls12(
    master: bytes,
    randoms: bytes,
    label: bytes,
    context: bytes | None,
    length: int,
    digest: str | None,
) -> bytes:
    """RFC 5705 section 4; an empty context is another one than none.

    Args:    master: the secret of the label CLIENT_RANDOM.
             randoms: the client's and the server's, 64 bytes.
             digest: the hash of the cipher suite's PRF; None before TLS 1.2.
    """
    seed = label + randoms
    if context is not None:
        seed += len(context).to_bytes(2, "big") + context
    if digest is not None:
        return _p_hash(master, seed, length, getattr(hashlib, digest))
    # RFC 2246 section 5: each half of the secret has its hash.
    half = (len(master) + 1) // 2
    first = _p_hash(master[:half], seed, length, hashlib.md5)
    second = _p_hash(master[-half:], seed, length, hashlib.sha1)
    return bytes(a ^ b for a, b in zip(first, second, strict=True))


def _p_hash(secret: bytes, seed: bytes, length: int, digest: _Hash) -> bytes:
    # RFC 5246 section 5.
    result = b""
    a = seed
    while len(result) < length:
        a = hmac.new(secret, a, digest).digest()
        result += hmac.new(secret, a + seed, digest).digest()
    return result[:length]
