"""Scripted servers on the loopback, described by data.

A `ServerPlan` says where to listen, with which TLS settings, and what to do with each
connection: a script, which is a tuple of steps, each a function of a `Peer`. `plan_from` reads
the sentence that a recorded Node trace gives for its server; `serve` runs a plan in threads.

    with serve(ServerPlan(script=(handshake, wait, send(b"pong"), read_all))) as server:
        ...connect to server.port...
        server.wait()
    server.saw          # what each connection's peer did, in order of arrival

TLS is done by hand over memory BIOs on blocking sockets, so that a script can hold records back,
damage them, cut them, or reset the connection between two bytes. What a peer of Python's `ssl`
cannot do (staple an OCSP response, ask for renegotiation) is left to ``openssl s_server``.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Self, TypeAlias

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from tests import pki

LIMIT = 10.0
"""Seconds after which a script gives up waiting for its peer."""

Step: TypeAlias = Callable[["Peer"], None]
Script: TypeAlias = tuple[Step, ...]
Kind = Literal["serve", "nobody", "refuse", "deaf", "file", "stale", "openssl"]


@dataclass(frozen=True, kw_only=True)
class ServerPlan:
    """One server. Plans of TLS servers differ in settings, all of them in their script."""

    kind: Kind = "serve"
    address: str = "127.0.0.1"
    """An IP address, or ``unix`` for a socket in a temporary directory."""
    also: tuple[str, ...] = ()
    """More addresses that a deaf server listens on, at the same port."""
    certificate: str | None = "leaf-ok"
    minimum: str = "TLSv1.2"
    maximum: str = "TLSv1.3"
    ciphers: str | None = None
    tickets: int | None = None
    curve: str | None = None
    alpn: tuple[str, ...] = ()
    client_ca: str | None = None
    client_required: bool = True
    psk: tuple[str, bytes] | None = None
    """The identity and the key of a server without certificate."""
    psk_hint: str | None = None
    script: Script = ()
    """What is done with every connection."""
    second: Script | None = None
    """What is done with every connection but the first, if that differs."""
    openssl: tuple[str, ...] = ()
    """More arguments of ``openssl s_server``."""
    openssl_script: tuple[tuple[float, str], ...] = ()
    """Seconds to wait after the handshake, and then a command for ``s_server``'s standard input."""


class Done(Exception):  # noqa: N818 - it ends a script, and is no error
    """The connection is over; the rest of the script does not apply."""


@dataclass(eq=False)
class Peer:
    """One accepted connection: the raw socket, the TLS engine over it, and what was seen."""

    sock: socket.socket
    plan: ServerPlan
    context: ssl.SSLContext | None
    stopping: threading.Event
    saw: list[object] = field(default_factory=list)
    established: bool = False
    closed_by_client: bool = False
    flight: bytes = b""
    server_name: str | None = None
    key_log: str | None = None

    def __post_init__(self) -> None:
        self.incoming = ssl.MemoryBIO()
        self.outgoing = ssl.MemoryBIO()
        self._tls: ssl.SSLObject | None = None

    @property
    def tls(self) -> ssl.SSLObject:
        if self._tls is None:
            assert self.context is not None, "this script speaks TLS, its plan has no certificate"
            self._tls = self.context.wrap_bio(self.incoming, self.outgoing, server_side=True)
        return self._tls

    def run(self, script: Script) -> None:
        try:
            for step in script:
                step(self)
        except Done:
            pass
        except ConnectionResetError:
            self.saw.append("RST")
        except BrokenPipeError:
            self.saw.append("EPIPE")
        except TimeoutError:
            self.saw.append("gave up waiting")
        except OSError as error:
            if not self.stopping.is_set():
                self.saw.append(f"OSError {error}")
        finally:
            self.sock.close()

    def receive(self) -> bytes:
        return self.sock.recv(65536)

    def flush(self) -> None:
        if self.outgoing.pending:
            self.sock.sendall(self.outgoing.read())

    def take(self) -> bytes:
        """What the engine wants sent, for a script that sends it its own way."""
        return self.outgoing.read()

    def read(self) -> bytes:
        """The next application bytes; none when the client's side is over (`saw` tells how)."""
        while not self.closed_by_client:
            try:
                if data := self.tls.read(65536):
                    return data
            except ssl.SSLWantReadError:
                self.flush()
                if chunk := self.receive():
                    self.incoming.write(chunk)
                else:
                    self.saw.append("FIN")
                    self.closed_by_client = True
                continue
            except ssl.SSLZeroReturnError:
                pass
            except ssl.SSLError as error:
                self.saw.append(f"server read error: {error.reason}")
                with contextlib.suppress(OSError):
                    self.flush()
                raise Done from None
            self.saw.append("close_notify")
            self.closed_by_client = True
        return b""

    def read_to_fin(self) -> None:
        while self.receive():
            pass
        self.saw.append("FIN")


# --- steps ------------------------------------------------------------------------------------


def handshake(peer: Peer, *, hold: bool = False, pieces: tuple[int, float] | None = None) -> None:
    """Do the server's part of the handshake; a failure is answered as TLS asks, and ends it.

    Args:    hold: the last flight waits for the first application bytes, and shares their
             segment. pieces: size and seconds between the pieces of the first flight.
    """
    flights = 0
    while True:
        try:
            peer.tls.do_handshake()
        except ssl.SSLWantReadError:
            flights += 1
            if pieces is not None and flights == 2:
                _send_in_pieces(peer, peer.take(), *pieces)
            try:
                peer.flush()
                chunk = peer.receive()
            except (ConnectionResetError, BrokenPipeError):
                peer.saw.append("RST")
                _finish_handshake(peer, "handshake not completed")
                raise Done from None
            if not chunk:
                peer.saw.append("FIN")
                _finish_handshake(peer, "handshake not completed")
                raise Done from None
            peer.incoming.write(chunk)
        except ssl.SSLError as error:
            _finish_handshake(peer, f"server handshake error: {error.reason}")
            peer.flush()
            fin(peer)
            peer.read_to_fin()
            raise Done from None
        else:
            break
    peer.established = True
    _finish_handshake(peer, "handshake complete")
    if not hold:
        peer.flush()


def _finish_handshake(peer: Peer, outcome: str) -> None:
    peer.saw += [outcome, {"sni": peer.server_name} if peer.server_name else "no SNI"]
    if not peer.established:
        return
    peer.saw.append({"sessionReused": peer.tls.session_reused})
    if (protocol := peer.tls.selected_alpn_protocol()) is not None:
        peer.saw.append({"alpn": protocol})
    if peer.plan.client_ca is not None:
        presented = peer.tls.getpeercert(binary_form=True) is not None
        peer.saw.append({"clientCertificatePresented": presented})


def handshake_with(*, hold: bool = False, pieces: tuple[int, float] | None = None) -> Step:
    return lambda peer: handshake(peer, hold=hold, pieces=pieces)


def first_flight(peer: Peer) -> None:
    """Answer the ClientHello, but keep the answer in `Peer.flight` for the steps that follow."""
    while not (flight := peer.take()):
        with contextlib.suppress(ssl.SSLWantReadError):
            peer.tls.do_handshake()
        if not peer.outgoing.pending:
            peer.incoming.write(peer.receive())
    peer.flight = flight


def send_flight(cut: Callable[[bytes], bytes] = bytes) -> Step:
    return lambda peer: peer.sock.sendall(cut(peer.flight))


def first_record(flight: bytes) -> bytes:
    return flight[: 5 + int.from_bytes(flight[3:5], "big")]


def last_byte_inverted(record: bytes) -> bytes:
    return record[:-1] + bytes([record[-1] ^ 0xFF])


def _send_in_pieces(peer: Peer, data: bytes, size: int, seconds: float) -> None:
    for start in range(0, len(data), size):
        if start:
            time.sleep(seconds)
        peer.sock.sendall(data[start : start + size])


def read_some(peer: Peer) -> None:
    """Wait for bytes of TCP, of whatever kind."""
    if not peer.receive():
        peer.saw.append("FIN")
        raise Done


def read_line(peer: Peer) -> None:
    line = b""
    while not line.endswith(b"\n"):
        byte = peer.sock.recv(1)
        if not byte:
            raise Done
        line += byte
    peer.saw.append({"plain": line.decode()})


def record_some(peer: Peer) -> None:
    if data := peer.receive():
        peer.saw.append({"plain bytes received": data.decode("latin-1")})


def raw(data: bytes) -> Step:
    return lambda peer: peer.sock.sendall(data)


def pause(seconds: float) -> Step:
    return lambda _: time.sleep(seconds)


def wait(peer: Peer) -> None:
    """Wait for the first application bytes. A client that leaves instead ends the script."""
    if not peer.read():
        if "FIN" not in peer.saw:
            peer.read_to_fin()
        raise Done


def send(data: bytes, *, change: Callable[[bytes], bytes] = bytes, flush: bool = True) -> Step:
    """Send application bytes; `change` gets the encrypted record before it leaves."""

    def step(peer: Peer) -> None:
        peer.tls.write(data)
        if change is not bytes:
            peer.sock.sendall(change(peer.take()))
        elif flush:
            peer.flush()

    return step


def send_record_in_pieces(data: bytes, pieces: int, seconds: float) -> Step:
    def step(peer: Peer) -> None:
        peer.tls.write(data)
        record = peer.take()
        _send_in_pieces(peer, record, -(-len(record) // pieces), seconds)

    return step


def flood(size: int) -> Step:
    """Send as much of `size` bytes as TCP takes from somebody who does not read."""

    def step(peer: Peer) -> None:
        peer.sock.settimeout(0.2)
        with contextlib.suppress(TimeoutError):
            peer.tls.write(b"x" * size)
            peer.flush()

    return step


def close_notify(peer: Peer) -> None:
    with contextlib.suppress(ssl.SSLError):
        peer.tls.unwrap()
    peer.flush()


def queue_close_notify(peer: Peer) -> None:
    with contextlib.suppress(ssl.SSLError):
        peer.tls.unwrap()


def flush(peer: Peer) -> None:
    peer.flush()


def fin(peer: Peer) -> None:
    with contextlib.suppress(OSError):
        peer.sock.shutdown(socket.SHUT_WR)


def reset(peer: Peer) -> None:
    peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.sock.close()
    raise Done


def close(peer: Peer) -> None:
    peer.sock.close()
    raise Done


def read_all(peer: Peer) -> None:
    """Read until the client closes: its close_notify, if TLS is up, and its FIN."""
    if peer.established:
        while peer.read():
            pass
    if "FIN" not in peer.saw:
        peer.read_to_fin()


def read_raw(peer: Peer) -> None:
    """Read TCP until the client closes; what it sends is not looked at."""
    peer.read_to_fin()


def read_to_close_notify(peer: Peer) -> None:
    while data := peer.read():
        peer.saw.append({"data": data.decode("latin-1")})


def read_data(peer: Peer) -> None:
    """Read application data to the client's end, after our own close_notify."""
    seen = len(peer.saw)
    while data := peer.read():
        peer.saw.append({"data": data.decode("latin-1")})
    peer.saw[seen:] = [entry for entry in peer.saw[seen:] if isinstance(entry, dict)]
    peer.saw.append("server read: None")


def count(peer: Peer) -> None:
    total, first = 0, b""
    try:
        while data := peer.read():
            total += len(data)
            first = (first + data)[:40]
    finally:
        peer.saw.append({"bytes": total, "first": first.decode("latin-1")})


def finish(peer: Peer) -> None:
    """Answer the client's end with ours, and wait until TCP is closed on its side too."""
    close_notify(peer)
    fin(peer)
    if "FIN" not in peer.saw:
        peer.read_to_fin()


def damage_next_record(peer: Peer) -> None:
    """Hand the client's next record to the engine with its last byte inverted."""
    peer.incoming.write(last_byte_inverted(peer.receive()))
    try:
        peer.tls.read(65536)
    except ssl.SSLError as error:
        peer.saw.append(f"server engine: {error.reason}")
    peer.flush()


def sealed(content_type: int, body: bytes) -> Step:
    """Send a TLS 1.3 record of our own making, correctly encrypted (RFC 8446 section 5.2).

    The engine would not send it, so the key comes from its key log. Without tickets nothing was
    sent under that key yet, so the sequence number is 0.
    """

    def step(peer: Peer) -> None:
        secret = peer_secret(peer, "SERVER_TRAFFIC_SECRET_0")
        algorithm, length = {
            48: (hashes.SHA384(), 32),
            32: (hashes.SHA256(), 16),
        }[len(secret)]
        key = _expand_label(secret, b"key", length, algorithm)
        nonce = _expand_label(secret, b"iv", 12, algorithm)
        inner = body + bytes([content_type])
        header = b"\x17\x03\x03" + (len(inner) + 16).to_bytes(2, "big")
        peer.sock.sendall(header + AESGCM(key).encrypt(nonce, inner, header))

    return step


def peer_secret(peer: Peer, label: str) -> bytes:
    assert peer.key_log is not None
    for line in reversed(Path(peer.key_log).read_text(encoding="ascii").splitlines()):
        if line.startswith(label + " "):
            return bytes.fromhex(line.split()[2])
    raise AssertionError(f"no {label} in the key log")


def _expand_label(
    secret: bytes, label: bytes, length: int, algorithm: hashes.HashAlgorithm
) -> bytes:
    label = b"tls13 " + label
    info = length.to_bytes(2, "big") + bytes([len(label)]) + label + b"\0"
    return HKDFExpand(algorithm, length, info).derive(secret)


def server_hello(version: int, cipher: int = 0x002F, record: int = 0x0301) -> bytes:
    """A ServerHello without extensions, in a record of its own."""
    body = version.to_bytes(2, "big") + hashlib.sha256(b"random").digest() + b"\0"
    body += cipher.to_bytes(2, "big") + b"\0"
    message = b"\x02" + len(body).to_bytes(3, "big") + body
    return b"\x16" + record.to_bytes(2, "big") + len(message).to_bytes(2, "big") + message


def alert(level: int, description: int) -> bytes:
    return b"\x15\x03\x03\x00\x02" + bytes([level, description])


# --- sentences --------------------------------------------------------------------------------

Change: TypeAlias = ServerPlan | Script | dict[str, object]
Row: TypeAlias = tuple[str, Callable[[re.Match[str]], Change]]


def _text(quoted: str) -> bytes:
    return quoted.replace("\\r", "\r").replace("\\n", "\n").encode()


def _ms(match: re.Match[str]) -> float:
    return int(match[1]) / 1000


PONG = send(b"pong")

# Each row eats the beginning of what is left of the sentence and says what that adds to the
# plan: settings, or steps. Longer beginnings stand before shorter ones.
_ROWS: tuple[Row, ...] = (
    # where and how
    (r"TLS (?:1\.3 )?server on a unix socket path", lambda _: {"address": "unix"}),
    (r"TLS (?:1\.3 )?server on ([\d.:]+\d)", lambda m: {"address": m[1]}),
    (r"without certificate", lambda _: {"certificate": None}),
    (r"certificate file ([\w-]+)", lambda m: {"certificate": m[1]}),
    (
        r"versions (TLSv1(?:\.\d)?) to (TLSv1(?:\.\d)?)",
        lambda m: {"minimum": m[1], "maximum": m[2]},
    ),
    (r"highest version (TLSv1\.\d)", lambda m: {"maximum": m[1]}),
    (r"cipher string ([\w@=]+)", lambda m: {"ciphers": m[1]}),
    (r"ALPN list \[([^]]+)\]", lambda m: {"alpn": tuple(re.findall(r"'([^']+)'", m[1]))}),
    (
        r"requests a client certificate trusted by ([\w-]+) (and requires it|\(optional\))",
        lambda m: {"client_ca": m[1], "client_required": m[2] == "and requires it"},
    ),
    (
        r"(\d+) TLS 1\.3 session tickets(?: sent with the end of the handshake)?",
        lambda m: {"tickets": int(m[1])},
    ),
    (r"no (?:session|TLS 1\.3) tickets", lambda _: {"tickets": 0}),
    (r"only curve (\w+)", lambda m: {"curve": m[1]}),
    (r"The same server context \(ticket keys\) serves all connections", lambda _: {}),
    (r"After the handshake:? ", lambda _: (handshake,)),
    (r"it (?=reads)", lambda _: {}),
    # the handshake, done otherwise
    (
        r"which sends only the first record of its first flight \(the ServerHello\)",
        lambda _: (first_flight, send_flight(first_record)),
    ),
    (
        r"which sends only the ServerHello record and then nothing",
        lambda _: (first_flight, send_flight(first_record)),
    ),
    (r"which sends its complete first flight", lambda _: (first_flight, send_flight())),
    (r"reads the client's next bytes", lambda _: (read_some,)),
    (
        r"which sends its first flight with the last byte inverted",
        lambda _: (first_flight, send_flight(last_byte_inverted)),
    ),
    (
        r"which sends the first 20 bytes of its first flight",
        lambda _: (first_flight, send_flight(lambda flight: flight[:20])),
    ),
    (
        r"which sends its handshake flight in 97-byte TCP pieces 2 ms apart\. "
        r"After the handshake: ",
        lambda _: (handshake_with(pieces=(97, 0.002)),),
    ),
    (
        r"which sends its handshake flight in 5 equal pieces 100 ms apart",
        lambda _: (handshake_with(pieces=(300, 0.1)),),
    ),
    (
        r"which writes the application bytes 'hello' in the same TCP segment as the end of its "
        r"side of the handshake",
        lambda _: (handshake_with(hold=True), send(b"hello")),
    ),
    (
        r"which writes the application bytes 'hello', close_notify and FIN in the same TCP "
        r"segment as the end of its side of the handshake",
        lambda _: (
            handshake_with(hold=True),
            send(b"hello", flush=False),
            queue_close_notify,
            flush,
            fin,
        ),
    ),
    (r"which never staples an OCSP response", lambda _: {}),
    # after the handshake
    (r"sends nothing", lambda _: ()),
    (r"waits for the first application bytes", lambda _: (wait,)),
    (r"reads the first application bytes", lambda _: (wait,)),
    (r"waits (\d+) ms(?: \(the client stays idle\))?", lambda m: (pause(_ms(m)),)),
    (r"reads nothing for (\d+) ms", lambda m: (pause(_ms(m)),)),
    (r"(\d+) ms later", lambda m: (pause(_ms(m)),)),
    (r"replies (?:with the 4 bytes )?'pong'(?: in one record)?", lambda _: (PONG,)),
    (r"sends 'pong', close_notify and FIN back to back", lambda _: (PONG, close_notify, fin)),
    (
        r"sends the records 'one', 'two', 'three' 40 ms apart",
        lambda _: (
            send(b"one"),
            pause(0.04),
            send(b"two"),
            pause(0.04),
            send(b"three"),
        ),
    ),
    (
        r"sends two records 'one' and 'two' in a single TCP segment",
        lambda _: (send(b"one", flush=False), send(b"two")),
    ),
    (r"sends one 40000-byte application write \(letter 'x'\)", lambda _: (send(b"x" * 40000),)),
    (
        r"sends one 10000-byte application record in 5 TCP pieces 100 ms apart",
        lambda _: (send_record_in_pieces(b"x" * 10000, 5, 0.1),),
    ),
    (
        r"sends 2,000,000 application bytes \(letter 'x'\) as fast as TCP takes them while the "
        r"client does not read",
        lambda _: (flood(2_000_000),),
    ),
    (
        r"sends a 'pong' record whose last byte is inverted",
        lambda _: (send(b"pong", change=last_byte_inverted),),
    ),
    (r"a record whose last byte is inverted", lambda _: (send(b"x", change=last_byte_inverted),)),
    (r"sends a good 'pong' record", lambda _: (PONG,)),
    (
        r"sends the first half of a 'pong' record",
        lambda _: (send(b"pong", change=lambda record: record[: len(record) // 2]),),
    ),
    (r"writes 16 plaintext bytes '([^']+)' to TCP", lambda m: (raw(_text(m[1])),)),
    (
        r"reads the client's next record from TCP, inverts its last byte and hands it to its TLS "
        r"engine, which (?:therefore )?answers with a fatal alert bad_record_mac \(20\)",
        lambda _: (damage_next_record,),
    ),
    (
        r"sends one correctly encrypted alert record \(level (\d), description (\d+) \w+\)",
        lambda m: (sealed(21, bytes([int(m[1]), int(m[2])])),),
    ),
    (
        r"sends one correctly encrypted application-data record with an empty body",
        lambda _: (sealed(23, b""),),
    ),
    (
        r"sends one correctly encrypted handshake record containing a 2-byte ClientHello message "
        r"\(unexpected for a client\)",
        lambda _: (sealed(22, b"\x01\x00\x00\x02\x03\x03"),),
    ),
    (r"reads until the client's close_notify and FIN", lambda _: (read_all,)),
    (
        r"reads to the client's close_notify and FIN but keeps its own side open for another "
        r"(\d+) ms",
        lambda m: (read_all, pause(_ms(m))),
    ),
    (r"reads until the client's close_notify", lambda _: (read_to_close_notify,)),
    (
        r"reads application data until the client's end, recording the total byte count and the "
        r"first 40 bytes",
        lambda _: (count,),
    ),
    (
        r"reads everything until the client's end, recording the byte count",
        lambda _: (count,),
    ),
    (
        r"keeps reading application data until the client's end, recording what arrives",
        lambda _: (read_data,),
    ),
    (r"answers close_notify and closes", lambda _: (finish,)),
    (
        r"sends close_notify and closes the TCP socket completely \([^)]*\)",
        lambda _: (
            close_notify,
            close,
        ),
    ),
    (r"closes the TCP socket completely \([^)]*\) without close_notify", lambda _: (close,)),
    (r"sends close_notify and closes", lambda _: (close_notify,)),
    (r"sends close_notify only \(TCP stays open\)", lambda _: (close_notify,)),
    (r"(?:sends )?close_notify", lambda _: (close_notify,)),
    (r"sends '(\w+)'", lambda m: (send(_text(m[1])),)),
    (r"'(two)'", lambda m: (send(_text(m[1])),)),
    (r"(?:sends )?FIN without close_notify", lambda _: (fin,)),
    (r"closes with FIN \(no close_notify\)", lambda _: (fin,)),
    (r"(?:closes with|sends)? ?FIN(?: follows at once)?(?: back to back)?", lambda _: (fin,)),
    (r"(?:sends )?RST(?: \(SO_LINGER 0 close\))?", lambda _: (reset,)),
    (r"answers nothing", lambda _: ()),
    (r"reads TCP until the client closes", lambda _: (read_raw,)),
    (r"reads to the client's end", lambda _: (read_all,)),
    (r"reads to the end", lambda _: (read_all,)),
    (r"reading until the client closes", lambda _: (read_all,)),
    (r"reads until the client closes", lambda _: (read_all,)),
    (r"closes", lambda _: ()),
    # without TLS
    (r"Plain TCP server on 127\.0\.0\.1 \(no TLS\)", lambda _: {"certificate": None}),
    (r"Accepts and never sends a byte", lambda _: ()),
    (
        r"On receiving the (?:first bytes(?: \(the ClientHello\))?|ClientHello)",
        lambda _: (read_some,),
    ),
    (
        r"Immediately after accept writes '([^']*)' without reading first",
        lambda m: (raw(_text(m[1])),),
    ),
    (r"Closes its writing side \(FIN\) right after accept", lambda _: (fin,)),
    (r"Waits (\d+) ms after accept without reading", lambda m: (pause(_ms(m)),)),
    (r"Reads the ClientHello", lambda _: (read_some,)),
    (r"writes (?:the text )?'((?:[^'])*)'", lambda m: (raw(_text(m[1])),)),
    (r"keeps the connection open until the client closes", lambda _: (read_all,)),
    (r"writes 64 zero bytes", lambda _: (raw(bytes(64)),)),
    (r"writes 3 bytes 0xFF", lambda _: (raw(b"\xff" * 3),)),
    (
        r"writes a well-formed handshake record header \(16 03 03 00 08\) followed by 8 bytes FF",
        lambda _: (raw(b"\x16\x03\x03\x00\x08" + b"\xff" * 8),),
    ),
    (
        r"writes an application-data record \(17 03 03 00 05 'hello'\)",
        lambda _: (raw(b"\x17\x03\x03\x00\x05hello"),),
    ),
    (
        r"writes a handshake record header declaring length 0xFFFF plus 16 bytes",
        lambda _: (raw(b"\x16\x03\x03\xff\xff" + bytes(16)),),
    ),
    (
        r"writes a ServerHello whose record and hello version is 0x0300 \(SSL 3\.0\)",
        lambda _: (raw(server_hello(0x0300, record=0x0300)),),
    ),
    (
        r"writes a ServerHello selecting TLS 1\.1 \(0x0302\) and cipher 0x002F",
        lambda _: (raw(server_hello(0x0302)),),
    ),
    (
        r"writes a TLS 1\.2 ServerHello selecting cipher 0x002F \(not offered by the client\)",
        lambda _: (raw(server_hello(0x0303, record=0x0303)),),
    ),
    (
        r"writes one plaintext fatal alert record: level (\d), description (\d+) \(\w+\)",
        lambda m: (raw(alert(int(m[1]), int(m[2]))),),
    ),
    (r"writes a plaintext fatal alert \w+ \((\d+)\)", lambda m: (raw(alert(2, int(m[1]))),)),
    (
        r"writes a warning alert \(level 1\) unrecognized_name\(112\)",
        lambda _: (raw(alert(1, 112)),),
    ),
    (
        r"writes a plaintext close_notify alert \(level 1, description 0\)",
        lambda _: (raw(alert(1, 0)),),
    ),
    # first plain, then TLS; first TLS, then plain
    (r"TCP server that first writes the line '([^']*)'", lambda m: (raw(_text(m[1])),)),
    (r"reads one line of plaintext", lambda _: (read_line,)),
    (r"acts as TLS server \(certificate leaf-ok\)", lambda _: {}),
    (
        r"First connection: TLS server, certificate file leaf-ok, reads until the client closes\. "
        r"Second connection on the same port: plain TCP, records the first bytes received",
        lambda _: {"script": (handshake, read_all), "second": (record_some, read_all)},
    ),
    # nobody who answers
    (r"None(?: is contacted|; port 0 is given)?\.", lambda _: {"kind": "nobody"}),
    (r"Nothing listens on the port(?: on any address)?\.", lambda _: {"kind": "refuse"}),
    (r"Nothing listens on the port on 127\.0\.0\.1 nor on ::1\.", lambda _: {"kind": "refuse"}),
    (
        r"The client is told to bind to an address the machine does not have",
        lambda _: {"kind": "nobody"},
    ),
    (r"A network namespace with only a loopback interface.*", lambda _: {"kind": "nobody"}),
    (r"A name server .*", lambda _: {"kind": "nobody"}),
    (
        r"Listeners on 127\.0\.0\.1 and 127\.0\.0\.2 \(same port\), both.*",
        lambda _: {
            "kind": "deaf",
            "also": ("127.0.0.2",),
        },
    ),
    (r"Listener on 127\.0\.0\.1 .*", lambda _: {"kind": "deaf"}),
    (r"No such path exists", lambda _: {"kind": "nobody", "address": "unix"}),
    (
        r"A socket file exists at the path but nothing listens on it",
        lambda _: {
            "kind": "stale",
            "address": "unix",
        },
    ),
    (r"A regular file exists at the path", lambda _: {"kind": "file", "address": "unix"}),
    # openssl
    (
        r"pre-shared key of 16 bytes (\w\w) for identity '(\w+)'"
        r"(?:, identity hint '([\w-]+)')?\. After the handshake it reads until the client closes",
        lambda m: {
            "psk": (m[2], bytes.fromhex(m[1] * 16)),
            "psk_hint": m[3],
            "script": (handshake, read_all),
        },
    ),
    (
        r"stapling the 17 opaque bytes '[^']*' as OCSP response when the client asks\. After the "
        r"handshake it reads until the client closes",
        lambda _: {"kind": "openssl", "openssl": ("-status_file", "<ocsp>")},
    ),
    (
        r"OpenSSL s_server on 127\.0\.0\.1, certificate file leaf-ok, TLS 1\.2 only; 200 ms after "
        r"the handshake it starts a renegotiation \(HelloRequest\); 400 ms later it is told to "
        r"close the connection",
        lambda _: {
            "kind": "openssl",
            "maximum": "TLSv1.2",
            "openssl_script": ((0.2, "r"), (0.4, "q")),
        },
    ),
)
_COMPILED = [(re.compile(pattern), change) for pattern, change in _ROWS]
_FILLER = re.compile(r"(?:[\s,;.]|and |then )*")


def plan_from(sentence: str) -> ServerPlan:
    """The plan that a recorded trace's `server` sentence describes."""
    settings: dict[str, object] = {}
    script: list[Step] = []
    position = _FILLER.match(sentence).end()  # type: ignore[union-attr]  # it matches emptiness
    while position < len(sentence):
        for pattern, change in _COMPILED:
            if match := pattern.match(sentence, position):
                added = change(match)
                if isinstance(added, dict):
                    settings |= added
                else:
                    script += added  # type: ignore[arg-type]
                position = _FILLER.match(sentence, match.end()).end()  # type: ignore[union-attr]
                break
        else:
            raise ValueError(f"no row for: {sentence[position:]}")
    if script and script[-1] is fin:
        script.append(read_all)  # nobody leaves before the client has
    settings.setdefault("script", tuple(script))
    return replace(ServerPlan(), **settings)  # type: ignore[arg-type]


# --- running ----------------------------------------------------------------------------------


PSK_IN_PYTHON = sys.version_info >= (3, 13)


def _psk_for_openssl(plan: ServerPlan) -> ServerPlan:
    """The same server by s_server, which takes any identity for the right one."""
    assert plan.psk is not None
    identity, key = plan.psk
    arguments: tuple[str, ...] = (
        "-nocert",
        "-no_dhe",
        "-psk",
        key.hex(),
        "-psk_identity",
        identity,
    )
    if plan.psk_hint is not None:
        arguments += ("-psk_hint", plan.psk_hint)
    return replace(plan, kind="openssl", openssl=arguments)


def server_context(plan: ServerPlan, *, key_log: str | None = None) -> ssl.SSLContext | None:
    if plan.certificate is None and plan.psk is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if plan.ciphers is not None:
        context.set_ciphers(plan.ciphers)
    elif plan.psk is not None:
        context.set_ciphers("PSK")  # none of them is among Python's own
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # TLS 1.0 and 1.1 are what is tested
        context.minimum_version = getattr(ssl.TLSVersion, plan.minimum.replace(".", "_"))
        context.maximum_version = getattr(ssl.TLSVersion, plan.maximum.replace(".", "_"))
    if plan.certificate is not None:
        context.load_cert_chain(pki.path(plan.certificate))
    if plan.tickets is not None:
        context.num_tickets = plan.tickets
    if plan.curve is not None:
        context.set_ecdh_curve(plan.curve)
    if plan.alpn:
        context.set_alpn_protocols(list(plan.alpn))
    if plan.client_ca is not None:
        context.load_verify_locations(cadata=pki.pem(plan.client_ca).decode())
        required = plan.client_required
        context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
    if key_log is not None:
        context.keylog_filename = key_log
    return context


class Server:
    """A running plan. Use as a context manager; leaving closes every socket, joins every thread."""

    def __init__(self, plan: ServerPlan) -> None:
        if plan.psk is not None and not PSK_IN_PYTHON:
            plan = _psk_for_openssl(plan)
        self.plan = plan
        self.port = 0
        self.path: str | None = None
        self.saw: list[list[object]] = []
        self._stopping = threading.Event()
        self._sockets: list[socket.socket] = []
        self._peers: list[Peer] = []
        self._threads: list[threading.Thread] = []
        self._accepting: threading.Thread | None = None
        self._lock = threading.Lock()
        self._directory: str | None = None
        self._process: subprocess.Popen[str] | None = None
        self._key_log: str | None = None
        self._context: ssl.SSLContext | None = None

    def __enter__(self) -> Self:
        plan = self.plan
        if plan.address == "unix" or plan.openssl or plan.tickets == 0:
            self._directory = tempfile.mkdtemp(prefix="tlsevents-")
        if plan.address == "unix":
            self.path = os.path.join(self._directory or "", "socket")
        if plan.kind == "serve":
            self._serve()
        elif plan.kind == "refuse" or (plan.kind == "nobody" and self.path is None):
            self._reserve()
        elif plan.kind == "deaf":
            self._turn_deaf()
        elif plan.kind == "file":
            Path(self.path or "").write_bytes(b"not a socket")
        elif plan.kind == "stale":
            with socket.socket(socket.AF_UNIX) as stale:
                stale.bind(self.path or "")
        elif plan.kind == "openssl":
            self._start_openssl()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _listener(self, address: str, port: int = 0) -> socket.socket:
        if address == "unix":
            listener = socket.socket(socket.AF_UNIX)
            self._sockets.append(listener)
            listener.bind(self.path or "")
        else:
            listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
            self._sockets.append(listener)
            listener.bind((address, port))
        return listener

    def _serve(self) -> None:
        if self.plan.tickets == 0:  # only these may need keys: `sealed`
            self._key_log = os.path.join(self._directory or "", "keys")
        self._context = server_context(self.plan, key_log=self._key_log)
        listener = self._listener(self.plan.address)
        listener.listen(16)
        if self.path is None:
            self.port = listener.getsockname()[1]
        self._accepting = threading.Thread(target=self._accept, args=(listener,), daemon=True)
        self._accepting.start()

    def _accept(self, listener: socket.socket) -> None:
        while not self._stopping.is_set():
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            sock.settimeout(LIMIT)
            if sock.family != socket.AF_UNIX:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            peer = Peer(sock, self.plan, self._context, self._stopping, key_log=self._key_log)
            if self._context is not None:
                self._note_server_name(peer)
                self._note_identity(peer)
            first = not self._peers
            script = self.plan.script if first or self.plan.second is None else self.plan.second
            thread = threading.Thread(target=peer.run, args=(script,), daemon=True)
            with self._lock:
                self._peers.append(peer)
                self.saw.append(peer.saw)
                self._threads.append(thread)
            thread.start()

    def _note_server_name(self, peer: Peer) -> None:
        context = self._context
        assert context is not None

        def note(tls: ssl.SSLObject | ssl.SSLSocket, name: str | None, _: ssl.SSLContext) -> None:
            for other in self._peers:
                if other._tls is tls:
                    other.server_name = name

        context.sni_callback = note

    def _note_identity(self, peer: Peer) -> None:
        if sys.version_info >= (3, 13) and self.plan.psk is not None:
            expected, key = self.plan.psk
            assert self._context is not None

            def answer(identity: str | None) -> bytes:
                peer.saw.append({"pskIdentity": identity})
                return key if identity == expected else b""

            self._context.set_psk_server_callback(answer, self.plan.psk_hint)

    def _reserve(self) -> None:
        """Hold a port on every address, and listen on none."""
        try:
            holder = socket.socket(socket.AF_INET6)
            self._sockets.append(holder)
            holder.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            holder.bind(("::", 0))
        except OSError:
            holder = self._listener("127.0.0.1")
        self.port = holder.getsockname()[1]

    def _turn_deaf(self) -> None:
        """Listen, fill the queue and never accept: Linux drops the SYNs that come after."""
        while True:
            listeners = [self._listener(self.plan.address)]
            self.port = listeners[0].getsockname()[1]
            try:
                listeners += [self._listener(also, self.port) for also in self.plan.also]
            except OSError:
                continue
            break
        for listener in listeners:
            listener.listen(0)
            for _ in range(3):
                filler = socket.socket()
                self._sockets.append(filler)
                filler.setblocking(False)
                filler.connect_ex(listener.getsockname())
                time.sleep(0.01)

    def _start_openssl(self) -> None:
        plan = self.plan
        # 17 bytes that are an OCSPResponse to openssl, which parses before it staples
        ocsp = os.path.join(self._directory or tempfile.gettempdir(), "ocsp")
        arguments = [ocsp if argument == "<ocsp>" else argument for argument in plan.openssl]
        if "<ocsp>" in plan.openssl:
            Path(ocsp).write_bytes(bytes.fromhex("300f0a0100a00a300806022a030402") + b"ok")
        if plan.certificate is not None:
            file = pki.path(plan.certificate)
            arguments += ["-cert", file, "-key", file]
        arguments += ["-tls1_2"] if plan.maximum == "TLSv1.2" else []
        self._process = subprocess.Popen(
            ["openssl", "s_server", "-accept", "127.0.0.1:0", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        assert self._process.stdout is not None
        output = []
        for line in self._process.stdout:
            output.append(line)
            if match := re.match(r"ACCEPT .*:(\d+)", line):
                self.port = int(match[1])
                break
        else:
            raise RuntimeError("openssl s_server: " + "".join(output))
        self._accepting = threading.Thread(target=self._command_openssl, daemon=True)
        self._accepting.start()

    def _command_openssl(self) -> None:
        process = self._process
        assert process is not None
        assert process.stdout is not None
        assert process.stdin is not None
        started = False
        for line in process.stdout:
            if not started and line.startswith("CIPHER is "):
                started = True
                with contextlib.suppress(OSError, ValueError):
                    for seconds, command in self.plan.openssl_script:
                        time.sleep(seconds)
                        process.stdin.write(command + "\n")
                        process.stdin.flush()

    def wait(self, seconds: float = 3.0) -> None:
        """Wait until the scripts of all connections have ended."""
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def close(self) -> None:
        self._stopping.set()
        for sock in self._sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)  # wakes the thread in accept()
            sock.close()
        for peer in self._peers:
            with contextlib.suppress(OSError):
                peer.sock.shutdown(socket.SHUT_RDWR)
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
        for thread in (self._accepting, *self._threads):
            if thread is not None:
                thread.join(LIMIT)
        if self._process is not None:
            for stream in (self._process.stdin, self._process.stdout):
                if stream is not None:
                    with contextlib.suppress(OSError):
                        stream.close()
        if self._context is not None:
            if sys.version_info >= (3, 13):
                self._context.set_psk_server_callback(None)
            self._context.sni_callback = None  # it refers to us
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)


@contextlib.contextmanager
def serve(plan: ServerPlan) -> Iterator[Server]:
    with Server(plan) as server:
        yield server


__all__: Sequence[str] = ("Peer", "Server", "ServerPlan", "plan_from", "serve")
