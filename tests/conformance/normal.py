"""Traces made comparable: what two runs, or two implementations, need not agree about.

Left out of every trace, whoever made it: Node's internal events, the borders between adjacent
`data` events, port numbers and paths (symbols stand for them), the texts of OpenSSL (which hold
thread, function, file and line), the classes of errors. What is *deliberately* different in this
library is not decided here but in `differences.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

Json: TypeAlias = Any
Event: TypeAlias = tuple[str, dict[str, Json]]

INTERNAL = {"prefinish", "_tlsError"}
KEPT_OF_ERRORS = [
    "code",
    "message",
    "errno",
    "syscall",
    "address",
    "port",
    "hostname",
    "host",
    "path",
    "localAddress",
    "reason",
    "detail",
    "errors",
    "cause",
]
_OPENSSL = re.compile(r"(?:[0-9A-Fa-f]+:)?error:[0-9A-F]{8}:.*|<OpenSSL>", re.DOTALL)


class Places:
    """The symbols of one run, and what stood for them in it."""

    def __init__(
        self, port: int = 0, local_port: int = 0, path: str | None = None, **hosts: str
    ) -> None:
        self.port = port
        self.local_port = local_port
        self.path = path
        self.hosts = hosts

    def text(self, text: str) -> str:
        if self.path:
            text = text.replace(self.path, "<unix-path>")
        for symbol, host in self.hosts.items():
            text = text.replace(host, symbol.replace("_", "."))
        for number, symbol in ((self.port, "<port>"), (self.local_port, "<localport>")):
            if number > 1:
                text = re.sub(rf"(?<=:){number}\b", symbol, text)
        return text

    def number(self, key: str, number: Json) -> Json:
        if key == "port" and isinstance(number, int) and number > 0:
            return "<port>" if number == self.port else "<localport>"
        return number


def value(item: Json, places: Places, key: str = "") -> Json:
    """One value of a payload, made comparable; null and undefined are both None."""
    if isinstance(item, str):
        return places.text(item)
    if isinstance(item, Mapping):
        if item.get("$") == "undefined":
            return None
        if "class" in item and "message" in item:
            return error(item, places)
        if item.get("$") == "Buffer" and item.get("length", 0) > 64:
            return {"$": "Buffer", "length": item["length"]}
        return {name: value(part, places, name) for name, part in item.items()}
    if isinstance(item, Sequence):
        return [value(part, places) for part in item]
    return places.number(key, item)


def error(item: Mapping[str, Json], places: Places) -> Json:
    kept = {}
    for name in KEPT_OF_ERRORS:
        part = value(item.get(name), places, name)
        if part is not None:
            kept[name] = part
    message = str(kept.get("message", ""))
    if "library" in item or _OPENSSL.fullmatch(message):
        kept.pop("message", None)
        kept.pop("reason", None)
    elif message.startswith("write EPROTO"):
        kept["message"] = "write EPROTO"
    if kept.get("code") == 20:  # a DOMException, which no other platform has
        return {"message": kept["message"]}
    if kept.get("message") == "":  # an AggregateError has none
        del kept["message"]
    return kept


def events(trace: Iterable[Sequence[Json]], places: Places) -> list[Event]:
    result: list[Event] = []
    for name, payload in trace:
        prefix, _, event = name.rpartition(":") if not name.startswith("@") else ("", "", name)
        if event in INTERNAL:
            continue
        comparable = {key: value(item, places, key) for key, item in payload.items()}
        below = prefix in {"raw", "duplex"} and event == "data"
        if below and not _readable(comparable["chunk"]):
            comparable = {}  # ciphertext: its length is nobody's business
        if event == "@first getSession()":
            comparable = {key: {"$": "Buffer"} for key in comparable}
        if event == "OCSPResponse" and isinstance(comparable["response"], dict):
            del comparable["response"]["text"]  # openssl staples none that it cannot parse
        if event == "data" and result and result[-1][0] == name:
            comparable = _joined(result.pop()[1], comparable)
        result.append((name, comparable))
    return result


def _readable(chunk: Json) -> bool:
    return isinstance(chunk, Mapping) and str(chunk.get("text", "")).strip().isalnum()


def _joined(first: dict[str, Json], second: dict[str, Json]) -> dict[str, Json]:
    if not first or not second:
        return {}
    one, two = first["chunk"], second["chunk"]
    if isinstance(one, str):
        return {**first, "chunk": one + two}
    chunk = {"$": "Buffer", "length": one["length"] + two["length"]}
    if "text" in one and "text" in two:
        chunk["text"] = one["text"] + two["text"]
    return {**first, "chunk": chunk}


def after(state: Mapping[str, Json] | None, places: Places) -> dict[str, Json] | None:
    if state is None:
        return None
    result = {key: value(item, places, key) for key, item in state.items()}
    return {"errored": None, **result}  # the recordings leave it out when it is no Error


def saw(connections: Sequence[Sequence[Json]], recorded: Sequence[Sequence[Json]]) -> list[Json]:
    """What the server saw, as far as the recording tells; the order of the notes is no matter."""
    told = {_kind(note) for connection in recorded for note in connection}
    result = []
    for connection in connections:
        notes = [_ENDINGS.get(str(note), note) for note in connection]
        notes = [
            _CERTIFICATE_ALERT.sub("certificate alert", note) if isinstance(note, str) else note
            for note in notes
        ]
        notes = [note for note in notes if _counts(_kind(note), told)]
        if "FIN" in notes and "close_notify or FIN" in told:
            notes = [note for note in notes if note != "close_notify"]
        unique = {str(note): note for note in notes}
        result.append([unique[text] for text in sorted(unique)])
    return result


# Which alert tells of a refused certificate depends on the first problem that OpenSSL finds.
_CERTIFICATE_ALERT = re.compile(
    r"(?<=server handshake error: )(?:SSLV3|TLSV1)_ALERT_"
    r"(?:UNKNOWN_CA|(?:BAD|UNSUPPORTED)_CERTIFICATE|CERTIFICATE_\w+)"
)
# Whether the kernel says FIN or RST depends on bytes that were still unread, which is a race.
_ENDINGS = {
    "RST": "FIN",
    "EPIPE": "FIN",
    "FIN or RST (varies)": "FIN",
    "close_notify or FIN": "FIN",
}


def _kind(note: Json) -> str:
    return str(next(iter(note))) if isinstance(note, Mapping) else str(note)


def _counts(kind: str, told: set[str]) -> bool:
    if kind in {"no SNI", "status request"}:
        return False
    if kind == "sni":
        return bool(told & {"sni", "no SNI"})
    if kind in {"sessionReused", "clientCertificatePresented", "alpn", "pskIdentity"}:
        return kind in told
    return True
