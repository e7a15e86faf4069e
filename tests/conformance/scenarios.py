"""The recorded Node scenarios, each with a server, options and a program of actions.

`recordings.json` holds what Node did: one entry per scenario, in words for the server and the
actions, and with symbols for what differs between two runs (``<port>``, ``<cert root-a>``). Here
the words become data. `tests.servers.plan_from` reads the server's; the table `PROGRAMS` below
gives the actions as steps, which two interpreters run: `python_client.py` with this library and
`client.js` with Node. So both do the same, and what differs in their traces is a difference.

A step is a mapping with a ``do``:

    call      call a method of the socket (``of`` names another object), note what it returned
    note      write down properties and results of methods
    on        run steps when an event comes
    after     run steps some milliseconds later
    when      run steps if the socket is ``open`` (not destroyed), ``writable``, ...
    throw     raise an exception, from inside a listener
    ...       and a few with one use each: see the interpreters
"""

from __future__ import annotations

import base64
import functools
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from tests import pki
from tests.servers import ServerPlan, plan_from

HERE = Path(__file__).parent
Json: TypeAlias = Any
Event: TypeAlias = tuple[str, dict[str, Json]]
Step: TypeAlias = dict[str, Json]

UNDEFINED = {"$": "undefined"}
ABSENT = {"$": "absent"}

STATE = [
    "readyState",
    "connecting",
    "pending",
    "secureConnecting",
    "encrypted",
    "authorized",
    "authorizationError",
    "destroyed",
    "closed",
    "readable",
    "writable",
    "readableEnded",
    "writableEnded",
    "writableFinished",
    "errored",
    "alpnProtocol",
    "servername",
]
AFTER = (
    *STATE,
    *[
        "readableAborted",
        "readableDidRead",
        "readableFlowing",
        "readableLength",
        "writableNeedDrain",
        "writableLength",
        "allowHalfOpen",
        "timeout",
        "bytesRead",
        "bytesWritten",
        "remoteAddress",
        "remoteFamily",
        "localAddress",
        "getProtocol()",
        "getCipher()",
        "getPeerCertificate()",
        "isSessionReused()",
        "getSession()",
        "address()",
    ],
)
NAMES: dict[str, list[str]] = {  # of the arguments that events carry
    "connectionAttempt": ["ip", "port", "family"],
    "connectionAttemptFailed": ["ip", "port", "family", "error"],
    "connectionAttemptTimeout": ["ip", "port", "family"],
    "lookup": ["error", "address", "family", "host"],
    "error": ["error"],
    "close": ["hadError"],
    "data": ["chunk"],
    "session": ["session"],
    "keylog": ["line"],
    "OCSPResponse": ["response"],
    "pipe": ["source"],
    "unpipe": ["source"],
}
GETTERS = [
    "getProtocol",
    "getCipher",
    "getSharedSigalgs",
    "getEphemeralKeyInfo",
    "getFinished",
    "getPeerFinished",
    "getSession",
    "getTLSTicket",
    "isSessionReused",
    "getPeerCertificate",
    "getCertificate",
    "getPeerX509Certificate",
    "getX509Certificate",
    "address",
]


@dataclass(frozen=True)
class Program:
    """What the client does beside connecting."""

    steps: Sequence[Step] = ()
    """Done in the same tick as connect(), right after it returned."""
    listen: Sequence[str] = ("error", "close", "data")
    """Events with a listener that does nothing, attached before `steps` run."""
    opening: str = "connect"
    """How the socket comes about: see the interpreters."""
    opening_args: Mapping[str, Json] = field(default_factory=dict)
    states: bool = False
    """Record the socket's state with every event."""
    alone: bool = False
    """Must not share its process's handlers with another scenario that runs meanwhile."""

    def as_json(self) -> Json:
        return {
            "steps": list(self.steps),
            "listen": list(self.listen),
            "opening": self.opening,
            "openingArgs": dict(self.opening_args),
            "states": self.states,
        }


# --- steps ------------------------------------------------------------------------------------


def call(
    method: str,
    *args: Json,
    note: str | None = None,
    back: str | None = None,
    bare: bool = False,
    of: str = "tls",
    void: bool = False,
    otherwise: Sequence[Step] = (),
    then: Sequence[Step] = (),
) -> Step:
    """Call a method.

    Args:    note: what the record calls it; unrecorded without. back: a callback is passed as
             well, and recorded under this name. bare: the callback gets no error. void: its
             result is not recorded. otherwise: steps for when it throws. then: steps for the
             callback.
    """
    return {
        "do": "call",
        "method": method,
        "args": list(args),
        "note": note,
        "back": back,
        "bare": bare,
        "of": of,
        "void": void,
        "otherwise": list(otherwise),
        "then": list(then),
    }


def write(data: Json, *, back: str | None = None, note: str | None = "") -> Step:
    """write(); the note defaults to what the recordings mostly say."""
    if not note and note is not None:
        note = f"write('{data}',cb)" if back else f"write('{data}')"
    return call("write", data, note=note, back=back)


def note(name: str, **values: str) -> Step:
    return {"do": "note", "name": name, "values": values}


def state(name: str) -> Step:
    return note(name, **{key: key for key in STATE})


def on(event: str, *steps: Step, every: bool = False, of: str = "tls") -> Step:
    return {"do": "on", "event": event, "steps": list(steps), "every": every, "of": of}


def after(ms: int, *steps: Step) -> Step:
    return {"do": "after", "ms": ms, "steps": list(steps)}


def when(condition: str, *steps: Step) -> Step:
    return {"do": "when", "condition": condition, "steps": list(steps)}


def does(what: str, **more: Json) -> Step:
    return {"do": what, **more}


def fill(length: int) -> Json:
    return {"$": "fill", "byte": "a", "length": length}


def error(message: str) -> Json:
    return {"$": "Error", "message": message}


SECURE = "secureConnect"
SESSION_LISTENED = ("error", "close", "data", "session")
ALL_LISTENED = ("error", "close", "data", "session", "keylog")

END = call("end", note="end()")
DESTROY = call("destroy", note="destroy()")
QUIET_END = call("end")
QUIET_DESTROY = call("destroy")
PING = write("ping")
QUIET_PING = write("ping", note=None)
PING_PONG = (on(SECURE, PING), on("data", END))
STOP = call("destroy", error("stop"), note="destroy(Error('stop'))")


def _trust(**more: str) -> Step:
    values = {"authorized": "authorized", "authorizationError": "authorizationError", **more}
    return note("in secureConnect", **values)


def _session(source: str, **second: Json) -> Program:
    return Program(opening="sessions", opening_args={"source": source, "second": second})


def _raw(*steps: Step, opening: str = "raw-connected", **args: Json) -> Program:
    return Program(steps, opening=opening, opening_args=args)


def _late_write(number: int, ms: int, *more: Step) -> Step:
    return after(
        ms,
        note(f"before write {number}", writable="writable", destroyed="destroyed"),
        when("writable", write(f"late{number}", back=f"callback of late{number}")),
        *more,
    )


def _sized(size: int, *, noted: bool = True) -> tuple[Step, Step]:
    return (
        call("write", fill(size), note=f"write {size} bytes", back=f"callback of {size} bytes"),
        note("state", writableLength="writableLength", writableNeedDrain="writableNeedDrain"),
    )


WRITES_EARLY = Program(
    (
        write("one", back="callback of one"),
        write("two", back="callback of two"),
        call("end", note="end(cb)", back="callback of end"),
    )
)
CALLBACK_RAN = Program(
    (
        note("listeners(secureConnect)", count="listenerCount('secureConnect')"),
        *PING_PONG,
    )
)
NOTED_TRUST = Program((on(SECURE, _trust(), END),))
OPTION = Program((after(100, when("open", call("destroy", note="destroy() 100 ms later"))),))

_SESSION_FIRST = (
    "first connection: collects 'session' buffers, writes 'ping' on 'secureConnect', ends on "
    "data; on its 'close' makes a second connection with session = "
)
_SESSION_SECOND = (
    "; the second writes 'ping' on 'secureConnect' and ends on data (events of the second are "
    "prefixed 'second:')"
)
_OPTION_TEXT = (
    "the call itself is the scenario; if it returns and the socket is not yet destroyed 100 ms "
    "later, destroy() is called"
)
_WRITES_TEXT = (
    "calls write('one',cb) and write('two',cb) in the same tick as tls.connect(), and end(cb)"
)

PROGRAMS: dict[str, Program] = {
    "listeners 'error', 'close', 'data' only": Program(),
    "only the 'data' listener": Program(),
    "no writes; nothing else": Program(),
    _OPTION_TEXT: OPTION,
    _WRITES_TEXT: WRITES_EARLY,
    _WRITES_TEXT + "; minVersion TLSv1.3": WRITES_EARLY,
    _WRITES_TEXT + "; minVersion TLSv1.3, maxVersion TLSv1.2": WRITES_EARLY,
    # trust
    (
        "a 'session' listener is attached; on 'secureConnect' notes authorized and "
        "authorizationError and calls end()"
    ): Program(
        (on(SECURE, _trust(typeOfAuthorizationError="typeof authorizationError"), END),),
        listen=SESSION_LISTENED,
    ),
    "on 'secureConnect' notes authorized and authorizationError and calls end()": NOTED_TRUST,
    "on 'secureConnect' notes servername and calls end()": Program(
        (
            on(
                SECURE,
                note("in secureConnect", servername="servername", authorized="authorized"),
                END,
            ),
        )
    ),
    "on 'secureConnect' notes protocol, cipher and ALPN and calls end()": Program(
        (
            on(
                SECURE,
                note(
                    "in secureConnect",
                    protocol="getProtocol()",
                    cipher="getCipher()",
                    alpnProtocol="alpnProtocol",
                ),
                END,
            ),
        )
    ),
    "on 'secureConnect' notes state and calls end()": Program(
        (
            on(
                SECURE,
                _trust(
                    peerCertificate="getPeerCertificate()",
                    cipher="getCipher()",
                    isSessionReused="isSessionReused()",
                ),
                END,
            ),
        )
    ),
    # plain conversations
    "on 'secureConnect' writes 'ping'; nothing else": Program((on(SECURE, PING),)),
    "on 'secureConnect' writes 'ping'; on the first 'data' calls end()": Program(PING_PONG),
    "on 'secureConnect' calls end()": Program((on(SECURE, QUIET_END),)),
    (
        "listeners for session and keylog are attached right after tls.connect() returns; on "
        "'secureConnect' writes 'ping'; on the first 'data' calls end()"
    ): Program(PING_PONG, listen=ALL_LISTENED),
    (
        "listeners for session and keylog attached at once; on 'secureConnect' writes 'ping'; "
        "nothing else"
    ): Program((on(SECURE, PING),), listen=ALL_LISTENED),
    (
        "listeners for session and keylog attached at once; on 'secureConnect' writes 'ping'; on "
        "the first 'data' calls end()"
    ): Program(
        (
            on(SECURE, note("in secureConnect", ephemeral="getEphemeralKeyInfo()"), PING),
            on("data", END),
        ),
        listen=ALL_LISTENED,
    ),
    (
        "'session' listener attached; on 'secureConnect' writes 'ping'; on the first 'data' "
        "calls end()"
    ): Program(PING_PONG, listen=SESSION_LISTENED),
    "'session' listener attached": Program(listen=SESSION_LISTENED),
    (
        "minVersion TLSv1, ciphers DEFAULT@SECLEVEL=0; on 'secureConnect' writes 'ping'; on the "
        "first 'data' calls end()"
    ): Program(
        (
            on(
                SECURE,
                note("in secureConnect", protocol="getProtocol()", cipher="getCipher()"),
                PING,
            ),
            on("data", END),
        )
    ),
    (
        "on 'secureConnect' writes 'ping'; on the first 'data' calls end(); every event is "
        "recorded with the socket's state as seen inside the emission (before listeners run)"
    ): Program(PING_PONG, listen=SESSION_LISTENED, states=True),
    (
        "on 'secureConnect' writes 'ping'; every event is recorded with the socket's state as "
        "seen inside the emission (before listeners run)"
    ): Program((on(SECURE, PING),), listen=SESSION_LISTENED, states=True),
    (
        "only 'error' and 'close' listeners are attached (no 'data', 'session' or 'keylog'); on "
        "'secureConnect' calls end()"
    ): Program((on(SECURE, END),), listen=("error", "close")),
    (
        "no writes; on 'secureConnect' only notes it; the program calls end() 300 ms after start "
        "if still open"
    ): Program((after(300, when("open", call("end", note="end() 300 ms after start"))),)),
    (
        "listeners 'error', 'close', 'data' only; 200 ms after 'secureConnect' calls end() if "
        "still writable"
    ): Program((on(SECURE, after(200, when("writable", END))),)),
    (
        "on 'secureConnect' writes 'ping' and calls end(); keeps a 'data' listener; if still open "
        "400 ms after start calls destroy()"
    ): Program((on(SECURE, PING, END), after(400, when("open", DESTROY)))),
    (
        "on 'secureConnect' writes 'ping'; on 'data' calls end(); 400 ms later notes state and "
        "tries write('more',cb)"
    ): Program(
        (
            on(SECURE, PING),
            on(
                "data",
                END,
                after(400, state("400 ms later"), when("writable", write("more", back="x"))),
            ),
        )
    ),
    ("notes each 'secure' and 'secureConnect'; 'session' listener attached; data ignored"): Program(
        (on(SECURE, note("in secureConnect", authorized="authorized"), every=True),),
        listen=SESSION_LISTENED,
    ),
    # errors in the open phase
    (
        "on 'secureConnect' writes 'ping'; on the first 'data' writes 'again'; 300 ms later notes "
        "the state and calls write('third',cb); 300 ms after that destroys if still open"
    ): Program(
        (
            on(SECURE, PING),
            on(
                "data",
                write("again"),
                after(
                    300,
                    when(
                        "open",
                        state("300 ms later"),
                        write("third", back="callback of third"),
                        after(300, when("open", DESTROY)),
                    ),
                ),
            ),
        )
    ),
    (
        "on 'secureConnect' writes 'ping'; no 'error' listener; the process catches uncaught "
        "exceptions"
    ): Program((on(SECURE, PING),), listen=("close", "data"), alone=True),
    "on 'secureConnect' writes 'ping'; the 'data' listener throws; the process catches uncaught "
    "exceptions; 150 ms later calls destroy()": Program(
        (
            on(SECURE, QUIET_PING, after(150, DESTROY)),
            on("data", does("throw", message="in listener"), every=True),
        ),
        alone=True,
    ),
    "the 'secureConnect' listener throws new Error('in listener'); the process catches uncaught "
    "exceptions; 150 ms later calls destroy()": Program(
        (on(SECURE, after(150, DESTROY), does("throw", message="in listener")),),
        alone=True,
    ),
    # half open
    (
        "on 'secureConnect' writes 'ping'; 150 ms after 'end' writes 'late' if writable, then end()"
    ): Program(
        (
            on(SECURE, QUIET_PING),
            on(
                "end",
                note(
                    "in end listener",
                    readyState="readyState",
                    writable="writable",
                    allowHalfOpen="allowHalfOpen",
                ),
                after(
                    150,
                    when(
                        "open",
                        note(
                            "150 ms after end",
                            readyState="readyState",
                            writable="writable",
                            destroyed="destroyed",
                        ),
                        when("writable", write("late")),
                        END,
                    ),
                ),
            ),
        )
    ),
    "on 'secureConnect' writes 'ping'; inside the 'end' listener calls write('in-end')": Program(
        (
            on(SECURE, QUIET_PING),
            on("end", call("write", "in-end", note="write('in-end', cb)", back="write callback")),
        )
    ),
    "on 'secureConnect' writes 'ping'; 0 ms timer after 'end' calls write('late')": Program(
        (
            on(SECURE, QUIET_PING),
            on(
                "end",
                after(0, call("write", "late", note="write('late', cb)", back="write callback")),
            ),
        )
    ),
    (
        "allowHalfOpen true; on 'secureConnect' writes 'ping'; 100 ms after 'end' writes 'late1', "
        "60 ms later 'late2', 60 ms later 'late3', all with callbacks, if writable"
    ): Program(
        (
            on(SECURE, QUIET_PING),
            on("end", _late_write(1, 100, _late_write(2, 60, _late_write(3, 60)))),
        )
    ),
    # end
    "calls end() in the same tick as tls.connect()": Program((END,)),
    "calls end() with a callback in the same tick as tls.connect()": Program(
        (call("end", note="end(cb)", back="end callback"),)
    ),
    "calls end('bye', cb) in the same tick as tls.connect()": Program(
        (call("end", "bye", note="end('bye',cb)", back="end callback"),)
    ),
    "on 'connect' calls end()": Program((on("connect", END),)),
    "on 'connect' calls end(); the program destroys 400 ms after start": Program(
        (
            on("connect", END),
            after(400, when("open", call("destroy", note="destroy() 400 ms after start"))),
        )
    ),
    "on 'secureConnect' calls end() then end(cb) then end('x',cb)": Program(
        (
            on(
                SECURE,
                END,
                call("end", note="end(cb)", back="second end callback"),
                call("end", "x", note="end('x',cb)", back="third end callback"),
            ),
        )
    ),
    "on 'secureConnect' calls end('last', cb)": Program(
        (on(SECURE, call("end", "last", note="end('last',cb)", back="callback of end")),)
    ),
    # destroy
    "calls destroy() in the same tick as tls.connect()": Program(
        (
            DESTROY,
            note(
                "after destroy",
                destroyed="destroyed",
                connecting="connecting",
                readyState="readyState",
                pending="pending",
            ),
        )
    ),
    "calls destroy(new Error('stop')) in the same tick as tls.connect()": Program((STOP,)),
    "on 'connect' calls destroy()": Program((on("connect", DESTROY),)),
    "host localhost; on 'lookup' calls destroy()": Program((on("lookup", DESTROY),)),
    "on 'secureConnect' calls destroy()": Program((on(SECURE, DESTROY),)),
    "on 'secureConnect' calls destroy(new Error('stop'))": Program((on(SECURE, STOP),)),
    "on 'secureConnect' writes 'ping'; on 'data' calls destroy()": Program(
        (
            on(SECURE, QUIET_PING),
            on("data", DESTROY),
        )
    ),
    (
        "on 'secureConnect' calls destroy(new Error('first')) then destroy(new Error('second'))"
    ): Program(
        (
            on(
                SECURE,
                call("destroy", error("first")),
                call("destroy", error("second"), note="destroy(Error('second'))"),
            ),
        )
    ),
    "on 'secureConnect' calls write('ping') and destroySoon()": Program(
        (on(SECURE, PING, call("destroySoon", note="destroySoon()")),)
    ),
    "on 'secureConnect' calls resetAndDestroy(); if that throws calls destroy()": Program(
        (on(SECURE, call("resetAndDestroy", note="resetAndDestroy()", otherwise=[DESTROY])),)
    ),
    (
        "calls resetAndDestroy() in the same tick as tls.connect(); if not destroyed calls "
        "destroy()"
    ): Program((call("resetAndDestroy", note="resetAndDestroy()", otherwise=[DESTROY]),)),
    "on 'secureConnect' writes 'ping' twice with callbacks then calls destroy()": Program(
        (
            on(
                SECURE,
                call("write", "ping", note="write #1", back="write callback #1"),
                call("write", "ping", note="write #2", back="write callback #2"),
                DESTROY,
            ),
        )
    ),
    "on 'secureConnect' calls destroy() then end(cb) then write('x',cb)": Program(
        (
            on(
                SECURE,
                QUIET_DESTROY,
                call("end", note="end(cb)", back="end callback"),
                write("x", back="write callback"),
            ),
        )
    ),
    "calls destroy() 20 ms after tls.connect()": Program((after(20, DESTROY),)),
    "calls destroy() 100 ms after tls.connect()": Program((after(100, DESTROY),)),
    "listeners 'error', 'close', 'data' only; the program destroys after 200 ms": Program(
        (after(200, when("open", DESTROY)),), alone=True
    ),
    # timeouts
    "on 'timeout' calls destroy()": Program((on("timeout", DESTROY),)),
    "timeout option 150; on 'timeout' calls destroy()": Program((on("timeout", DESTROY),)),
    (
        "timeout option 120; on the second 'timeout' would destroy; the program destroys 400 ms "
        "after start"
    ): Program((after(400, call("destroy", note="destroy() 400 ms after start")),)),
    "calls setTimeout(120) right after tls.connect(); on 'timeout' calls destroy()": Program(
        (
            call("setTimeout", 120, note="setTimeout(120)"),
            on("timeout", DESTROY),
        )
    ),
    "calls setTimeout(150); on 'timeout' calls destroy()": Program(
        (
            call("setTimeout", 150),
            on("timeout", DESTROY),
        )
    ),
    "on 'secureConnect' calls setTimeout(80,cb); 250 ms later notes state and calls end()": (
        Program(
            (
                on(
                    SECURE,
                    call(
                        "setTimeout",
                        80,
                        note="setTimeout(80,cb)",
                        back="timeout callback",
                        bare=True,
                    ),
                    after(
                        250, note("250 ms later", readyState="readyState", timeout="timeout"), END
                    ),
                ),
            )
        )
    ),
    (
        "on 'secureConnect' calls setTimeout(60,f) then setTimeout(0,f); 150 ms later notes "
        "listener count and calls end()"
    ): Program(
        (
            on(
                SECURE,
                call("setTimeout", 60, {"$": "nothing"}),
                call("setTimeout", 0, {"$": "nothing"}, note="setTimeout(0,f)"),
                after(
                    150,
                    note("later", timeout="timeout", timeoutListeners="listenerCount('timeout')"),
                    END,
                ),
            ),
        )
    ),
    "on 'secureConnect' calls setTimeout(60); 200 ms later calls end()": Program(
        (on(SECURE, call("setTimeout", 60), after(200, END)),)
    ),
    "timeout option 100; 250 ms after 'secureConnect' calls end()": Program(
        (on(SECURE, after(250, END)),)
    ),
    "on 'secureConnect' calls setTimeout with bad values, then end()": Program(
        (
            on(
                SECURE,
                *(
                    call("setTimeout", value, note=f"setTimeout({text})")
                    for text, value in (
                        ("-1", -1),
                        ("NaN", {"$": "NaN"}),
                        ("Infinity", {"$": "Infinity"}),
                        ("'100'", "100"),
                        ("null", None),
                        ("undefined", UNDEFINED),
                        ("{}", {}),
                        ("2147483648", 2147483648),
                    )
                ),
                call("setTimeout", 10, "notfn", note="setTimeout(10,'notfn')"),
                call("setTimeout", 0),
                END,
            ),
        )
    ),
    "timeout option 150; on 'secureConnect' calls destroy()": Program((on(SECURE, DESTROY),)),
    "on 'secureConnect' calls setTimeout(150); on 'data' calls destroy()": Program(
        (
            on(SECURE, call("setTimeout", 150)),
            on("data", DESTROY),
        )
    ),
    # connecting
    "first listens on a port with net, then connects with localPort set to that port": Program(),
    "listeners for 'keylog' and 'session' attached at once; no other": Program(listen=ALL_LISTENED),
    (
        "the callback notes that it ran; on 'secureConnect' writes 'ping'; on the first 'data' "
        "calls end()"
    ): CALLBACK_RAN,
    (
        "connects with path; on 'secureConnect' writes 'ping'; on the first 'data' calls end()"
    ): Program(PING_PONG),
    (
        "tls.connect(path, options); on 'secureConnect' writes 'ping'; on the first 'data' calls "
        "end()"
    ): Program(PING_PONG),
    (
        "on 'secureConnect' calls destroy(); on the first 'close' calls socket.connect() with the "
        "same port and host; if a second 'close' does not come within 500 ms destroys"
    ): Program(
        (
            on(SECURE, DESTROY),
            on(
                "close",
                call("connect", {"$": "target"}, note="connect({port,host})"),
                after(500, when("open", state("500 ms later"), QUIET_DESTROY)),
            ),
            does("closes", count=2),
        )
    ),
    (
        "on 'secureConnect' calls destroy(); on the first 'close' calls connect() with the same "
        "port and host; in its connect callback notes encrypted and authorized, writes 'plain?'; "
        "60 ms later destroys"
    ): Program(
        (
            on(SECURE, DESTROY),
            on(
                "close",
                call(
                    "connect",
                    {"$": "target"},
                    note="connect({port,host},cb)",
                    back="",
                    then=[
                        note(
                            "in connect callback",
                            encrypted="encrypted",
                            authorized="authorized",
                            secureConnecting="secureConnecting",
                        ),
                        write("plain?"),
                        after(60, DESTROY),
                    ],
                ),
            ),
            does("closes", count=2),
        )
    ),
    # writing
    "calls write of 4 chunks of 20000 bytes in the same tick and end(); notes return values": (
        Program(
            (
                *(
                    call(
                        "write",
                        fill(20000),
                        note=f"write 20000 bytes #{number}",
                        back=f"callback of #{number}",
                    )
                    for number in range(4)
                ),
                note(
                    "state",
                    writableLength="writableLength",
                    writableNeedDrain="writableNeedDrain",
                    writableHighWaterMark="writableHighWaterMark",
                ),
                END,
            )
        )
    ),
    (
        "on 'secureConnect' writes '68656c6c6f' as hex, 'aGk=' as base64, 'é' as latin1, '€' as "
        "default, '€' after setDefaultEncoding('utf16le'), then end()"
    ): Program(
        (
            on(
                SECURE,
                call("write", "68656c6c6f", "hex", note="write hex"),
                call("write", "aGk=", "base64", note="write base64"),
                call("write", "é", "latin1", note="write latin1"),
                call("write", "€", note="write default"),
                call("setDefaultEncoding", "utf16le", note="setDefaultEncoding('utf16le')"),
                call("write", "€", note="write utf16"),
                END,
                note("bytesWritten", bytesWritten="bytesWritten"),
            ),
        )
    ),
    (
        "on 'secureConnect' calls write('',cb), write(Buffer.alloc(0),cb), write('x',cb), end()"
    ): Program(
        (
            on(
                SECURE,
                call("write", "", note="write('')", back="callback of empty string"),
                call("write", fill(0), note="write(empty buffer)", back="callback of empty buffer"),
                call("write", "x", note="write('x')", back="callback of x"),
                END,
            ),
        )
    ),
    (
        "on 'secureConnect' calls write(null), write(undefined), write(1), write({}), write([]), "
        "write(true), write(Uint16Array), write(DataView), write('x','badencoding'), then end()"
    ): Program(
        (
            on(
                SECURE,
                *(
                    call("write", value, note=f"write({text})")
                    for text, value in (
                        ("null", None),
                        ("undefined", UNDEFINED),
                        ("1", 1),
                        ("{}", {}),
                        ("[]", []),
                        ("true", True),
                        ("Uint16Array[0x4142]", {"$": "Uint16Array", "values": [0x4142]}),
                        ("DataView of 2 bytes", {"$": "DataView", "text": "AB"}),
                        ("Uint8Array", {"$": "Uint8Array", "text": "C"}),
                        ("ArrayBuffer", {"$": "ArrayBuffer", "length": 2}),
                    )
                ),
                call("write", "x", "nope", note="write('x','nope')"),
                END,
            ),
        )
    ),
    "on 'secureConnect' calls end('x') then write('y') without callback": Program(
        (on(SECURE, call("end", "x", note="end('x')"), write("y")),)
    ),
    "on 'secureConnect' calls destroy() then write('y',cb) then write('z')": Program(
        (on(SECURE, QUIET_DESTROY, write("y", back="callback of y"), write("z")),)
    ),
    "calls write('y',cb) and write('z',cb) and destroy() in the same tick": Program(
        (
            write("y", back="callback of y"),
            write("z", back="callback of z"),
            DESTROY,
        )
    ),
    (
        "on 'secureConnect' writes 1 byte, then 65535 bytes, then 1 byte, noting each return "
        "value; then end()"
    ): Program((on(SECURE, *_sized(1), *_sized(65534), *_sized(1), *_sized(65536), END),)),
    (
        "on 'secureConnect' writes 16 MiB in one call, notes the return value; on 'drain' calls "
        "end()"
    ): Program(
        (
            on(
                SECURE,
                call("write", fill(1 << 24), note="write 16 MiB", back="callback of 16 MiB"),
                note(
                    "state", writableLength="writableLength", writableNeedDrain="writableNeedDrain"
                ),
            ),
            on("drain", END),
        )
    ),
    (
        "on 'secureConnect' writes 1024-byte chunks until write() returns false, noting how many; "
        "on 'drain' calls end()"
    ): Program(
        (
            on(SECURE, does("writeUntilFalse", size=1024)),
            on(
                "drain",
                note(
                    "in drain",
                    writableLength="writableLength",
                    writableNeedDrain="writableNeedDrain",
                ),
                END,
            ),
        )
    ),
    "setTimeout(100); on 'secureConnect' writes 16 MiB; on 'drain' calls end()": Program(
        (
            call("setTimeout", 100),
            on(SECURE, call("write", fill(1 << 24))),
            on("drain", END),
        )
    ),
    (
        "on 'secureConnect' writes 'first', then from 60 ms later 65536 bytes every 30 ms while "
        "writable (return values ignored, no callbacks)"
    ): Program(
        (
            on(
                SECURE,
                write("first", note=None),
                after(60, does("writeWhileWritable", size=65536, ms=30)),
            ),
        )
    ),
    (
        "pause() at once; 800 ms after 'secureConnect' writes 'one' and 'two' with callbacks"
    ): Program(
        (
            call("pause", note="pause()"),
            on(
                SECURE,
                after(
                    800,
                    note("before write", writable="writable", destroyed="destroyed"),
                    write("one", back="callback of one"),
                    write("two", back="callback of two"),
                ),
            ),
        )
    ),
    # reading
    "no 'data' listener; on 'readable' calls read() until null": Program(
        (on("readable", does("readUntilNull"), every=True),), listen=("error", "close")
    ),
    "no 'data' listener; iterates with for await": Program(
        (does("iterate"),), listen=("error", "close")
    ),
    "calls setEncoding('utf8') at once": Program(
        (call("setEncoding", "utf8", note="setEncoding('utf8')"),)
    ),
    "calls setEncoding('hex') at once": Program(
        (call("setEncoding", "hex", note="setEncoding('hex')"),)
    ),
    "no 'data' listener; pipes the socket into a Writable that collects": Program(
        (does("pipe"),), listen=("error", "close")
    ),
    (
        "onread {buffer: 64-byte Buffer, callback}; the callback notes its arguments and returns "
        "undefined"
    ): Program(),
    "onread whose callback returns false; resume() 100 ms after each call": Program(),
    "onread {buffer: 4-byte Buffer, callback}; the callback notes its arguments": Program(),
    "calls pause() at once; 200 ms after start calls destroy()": Program(
        (
            call("pause", note="pause()"),
            after(200, note("before destroy", readableLength="readableLength"), DESTROY),
        )
    ),
    # abort signals
    "aborts in the same tick as tls.connect()": Program((does("abort"),)),
    "on 'connect' aborts": Program((on("connect", does("abort")),)),
    "on 'secureConnect' aborts": Program((on(SECURE, does("abort")),)),
    "on 'secureConnect' aborts with reason new Error('why')": Program(
        (on(SECURE, does("abort", reason="why")),)
    ),
    "on 'secureConnect' destroys; on 'close' aborts": Program(
        (
            on(SECURE, QUIET_DESTROY),
            on("close", does("abort")),
        )
    ),
    (
        "the signal is already aborted when tls.connect() is called; the snapshot is taken 80 ms "
        "after the first 'close'"
    ): Program(alone=True),
    # sessions
    _SESSION_FIRST + "the last buffer collected" + _SESSION_SECOND: _session("event"),
    _SESSION_FIRST + "the getSession() value taken on data" + _SESSION_SECOND: _session("getter"),
    (
        "rejectUnauthorized false on both; "
        + _SESSION_FIRST
        + "the last buffer collected"
        + _SESSION_SECOND
    ): _session("event"),
    (
        "rejectUnauthorized false on the first, default on the second; "
        + _SESSION_FIRST
        + "the last buffer collected"
        + _SESSION_SECOND
    ): _session("event", rejectUnauthorized=True),
    (
        _SESSION_FIRST
        + "the last buffer collected, but servername 'localhost' while the first used host "
        "127.0.0.1" + _SESSION_SECOND
    ): _session("event", servername="localhost"),
    (
        _SESSION_FIRST + "the bare OpenSSL session (any Node prefix removed)" + _SESSION_SECOND
    ): _session("bare"),
    (
        _SESSION_FIRST
        + "the bare OpenSSL session (any Node prefix removed), rejectUnauthorized false"
        + _SESSION_SECOND
    ): _session("bare", rejectUnauthorized=False),
    (
        "session option is Buffer 'garbage'; on 'secureConnect' writes 'ping'; on the first "
        "'data' calls end()"
    ): Program(
        (
            on(SECURE, note("in secureConnect", isSessionReused="isSessionReused()"), PING),
            on("data", END),
        )
    ),
    (
        "one tls.createSecureContext({ca}) given as secureContext to two consecutive connections; "
        "on 'secureConnect' writes 'ping'; on the first 'data' calls end() on each"
    ): Program(PING_PONG, opening="twice"),
    # the socket option
    (
        "opens a net.Socket ('raw:' events), on its 'connect' calls tls.connect({socket}); on "
        "'secureConnect' writes 'ping'; on the first 'data' calls end()"
    ): _raw(*PING_PONG),
    (
        "calls net.connect() ('raw:' events) and in the same tick tls.connect({socket}); on "
        "'secureConnect' writes 'ping'; on the first 'data' calls end()"
    ): _raw(state("state"), *PING_PONG, opening="raw-connecting"),
    (
        "creates new net.Socket() ('raw:' events), calls tls.connect({socket}), 50 ms later calls "
        "connect() on the net.Socket; on 'secureConnect' writes 'ping'; on the first 'data' calls "
        "end()"
    ): _raw(
        *PING_PONG,
        after(50, call("connect", {"$": "target"}, of="raw")),
        opening="raw-unconnected",
    ),
    (
        "wraps the TCP connection in a stream.Duplex ('duplex:' events) and calls "
        "tls.connect({socket: duplex}); on 'secureConnect' writes 'ping'; on the first 'data' "
        "calls end()"
    ): _raw(state("state"), *PING_PONG, opening="duplex"),
    "socket option plus host 'other.example'; notes result": _raw(),
    "net.Socket ('raw:'); on 'secureConnect' calls destroy() on the TLSSocket": _raw(
        on(SECURE, DESTROY)
    ),
    "net.Socket ('raw:'); on 'secureConnect' calls destroy() on the net.Socket": _raw(
        on(SECURE, call("destroy", note="raw.destroy()", of="raw", void=True))
    ),
    (
        "net.Socket ('raw:'); on 'secureConnect' calls destroy(new Error('inner broke')) on the "
        "net.Socket"
    ): _raw(
        on(
            SECURE,
            call(
                "destroy",
                error("inner broke"),
                note="raw.destroy(Error('inner broke'))",
                of="raw",
                void=True,
            ),
        ),
        listen_raw=True,
    ),
    "as socket-option-duplex; on 'secureConnect' calls destroy() on the TLSSocket": _raw(
        on(SECURE, DESTROY), opening="duplex"
    ),
    (
        "as socket-option-duplex; on 'secureConnect' calls duplex.destroy(new Error('inner broke'))"
    ): _raw(
        on(
            SECURE,
            call(
                "destroy",
                error("inner broke"),
                note="duplex.destroy(Error('inner broke'))",
                of="duplex",
                void=True,
            ),
        ),
        opening="duplex",
    ),
    "net.Socket ('raw:'); on 'secureConnect' writes 'ping'": _raw(on(SECURE, QUIET_PING)),
    (
        "socket option and timeout 60; on 'secureConnect' waits 200 ms, writes 'ping'; on data ends"
    ): _raw(
        note("timeout property", timeout="timeout"),
        on(SECURE, after(200, QUIET_PING)),
        on("data", QUIET_END),
    ),
    "as socket-option-duplex but the Duplex is in object mode": _raw(
        opening="duplex", objectMode=True
    ),
    (
        "connects a net.Socket ('raw:'), then new tls.TLSSocket(raw,{ca}) without tls.connect(); "
        "logs its events; on 'secure' writes 'ping'; on data ends"
    ): _raw(
        state("new TLSSocket"),
        PING,
        on(
            "secure",
            note(
                "in secure",
                authorized="authorized",
                authorizationError="authorizationError",
                secureConnecting="secureConnecting",
            ),
        ),
        on("data", END),
        opening="constructor",
    ),
    (
        "connects a net.Socket ('raw:'), then new tls.TLSSocket(raw,{ca}) with only a 'close' "
        "listener and calls write('ping',cb)"
    ): Program(
        (write("ping", back="callback of write"),), listen=("close",), opening="constructor"
    ),
    "passes an already destroyed net.Socket as socket": _raw(opening="raw-destroyed"),
    (
        "reads the line 'READY' from a net.Socket ('raw:'), writes 'STARTTLS\\n', removes its "
        "data listener and calls tls.connect({socket}); on 'secureConnect' writes 'ping'; on the "
        "first 'data' calls end()"
    ): _raw(*PING_PONG, opening="starttls"),
    # OCSP
    "requestOCSP true, 'OCSPResponse' listener; on 'secureConnect' calls end()": Program(
        (on(SECURE, END),), listen=("error", "close", "data", "OCSPResponse")
    ),
    "'OCSPResponse' listener but requestOCSP not set; on 'secureConnect' calls end()": Program(
        (on(SECURE, END),), listen=("error", "close", "data", "OCSPResponse")
    ),
    "requestOCSP true; the 'OCSPResponse' listener calls destroy(new Error('bad ocsp'))": Program(
        (on("OCSPResponse", call("destroy", error("bad ocsp"), note="destroy(Error('bad ocsp'))")),)
    ),
    # methods
    (
        "on 'secureConnect' calls renegotiate({},cb); on the callback writes 'ping'; on data ends"
    ): Program(
        (
            on(
                SECURE,
                call(
                    "renegotiate",
                    {},
                    note="renegotiate({},cb)",
                    back="renegotiate callback",
                    then=[QUIET_PING],
                ),
            ),
            on("data", END),
        )
    ),
    "on 'secureConnect' calls renegotiate({},cb); 300 ms later notes and destroys": Program(
        (
            on(
                SECURE,
                call("renegotiate", {}, note="renegotiate({},cb)", back="renegotiate callback"),
                after(300, when("open", state("300 ms later"), DESTROY)),
            ),
        )
    ),
    (
        "calls every getter right after tls.connect(), in 'connect', in 'secureConnect', in 'end' "
        "and in 'close' (getEphemeralKeyInfo only from 'secureConnect' on); on 'secureConnect' "
        "writes 'ping'; on the first 'data' calls end()"
    ): Program(
        (
            does("getters", moment="right after tls.connect()", early=True),
            on("connect", does("getters", moment="in connect", early=True)),
            on(SECURE, does("getters", moment="in secureConnect"), PING),
            on("data", END),
            on("end", does("getters", moment="in end")),
            on("close", does("getters", moment="in close")),
        )
    ),
    (
        "calls every getter in 'secureConnect'; on 'secureConnect' writes 'ping'; on the first "
        "'data' calls end()"
    ): Program((on(SECURE, does("getters", moment="in secureConnect"), PING), on("data", END))),
    (
        "listener counts noted after tls.connect() with a callback and after 'secureConnect'; on "
        "'secureConnect' writes 'ping'; on the first 'data' calls end()"
    ): Program(
        (
            does(
                "counts", moment="after tls.connect() plus the program listeners error,data,close"
            ),
            *PING_PONG,
            on(SECURE, does("soon", steps=[does("counts", moment="after secureConnect")])),
        )
    ),
    (
        "on 'secureConnect' calls setMaxSendFragment with 512, 16384, 16385, 0, '5'; on "
        "'secureConnect' writes 'ping'; on the first 'data' calls end()"
    ): Program(
        (
            on(
                SECURE,
                *(
                    call("setMaxSendFragment", size, note=f"setMaxSendFragment({json.dumps(size)})")
                    for size in (512, 16384, 16385, 0, "5", 511)
                ),
                PING,
            ),
            on("data", END),
        )
    ),
    (
        "calls setNoDelay(), setKeepAlive(true,1000) before connect and in 'secureConnect'; on "
        "'secureConnect' writes 'ping'; on the first 'data' calls end()"
    ): Program(
        (
            call("setNoDelay", note="setNoDelay()"),
            call("setKeepAlive", True, 1000, note="setKeepAlive(true,1000)"),
            on(
                SECURE,
                call("setNoDelay", False, note="setNoDelay(false)"),
                call("setKeepAlive", False, note="setKeepAlive(false)"),
                PING,
            ),
            on("data", END),
        )
    ),
    (
        "calls unref() and ref() around connect; on 'secureConnect' writes 'ping'; on the first "
        "'data' calls end()"
    ): Program(
        (
            call("unref", note="unref()"),
            on(SECURE, call("ref", note="ref()"), PING),
            on("data", END),
        )
    ),
    (
        "calls setServername('late.example') in the same tick as tls.connect(); "
        "checkServerIdentity notes its hostname and returns undefined; on 'secureConnect' notes "
        "servername and calls end()"
    ): Program(
        (
            call("setServername", "late.example", note="setServername('late.example')"),
            on(SECURE, note("in secureConnect", servername="servername"), END),
        )
    ),
}

_ATTEMPTED = note("autoSelectFamilyAttemptedAddresses", value="autoSelectFamilyAttemptedAddresses")
_ATTEMPTED_TEXT = "on 'secureConnect' notes autoSelectFamilyAttemptedAddresses and calls end()"


# --- options ----------------------------------------------------------------------------------

# What the recordings show by its length only, or as the same symbol that something else has.
_OPTIONS: dict[str, dict[str, Json]] = {
    "option-port-nan": {"port": {"$": "NaN"}},
    "option-port-65536": {"port": 65536},
    "option-alpn-buffer-truncated": {"ALPNProtocols": {"$": "Buffer", "base64": "BUE="}},
    "option-ticketkeys-short": {"ticketKeys": {"$": "Buffer", "base64": "YWFh"}},
}


_ALICE = {"psk": {"$": "fill", "byte": "\xaa", "length": 16}, "identity": "alice"}
_LOCAL = [["127.0.0.1", 4]]

# What the functions among the options do. `answers` are a lookup's addresses.
_FUNCTIONS: dict[str, Json] = {
    "<function>": {"default": True},
    "<function: callback>": {},
    "<function: returns undefined>": {"returns": UNDEFINED},
    "<function: notes the hostname, returns undefined>": {"returns": UNDEFINED, "brief": True},
    "<function: returns null>": {"returns": None},
    "<function: returns new Error('my refusal')>": {"returns": error("my refusal")},
    "<function: returns an Error with message 'my refusal', code 'MY_CODE', detail 7>": {
        "returns": {**error("my refusal"), "code": "MY_CODE", "detail": 7}
    },
    "<function: returns the string 'nope'>": {"returns": "nope"},
    "<function: returns true>": {"returns": True},
    "<function: throws new Error('thrown inside')>": {"throws": error("thrown inside")},
    "<function: returns a promise that resolves to an Error>": {"returns": {"$": "promise"}},
    "<function: calls back asynchronously with new Error('plain')>": {"fails": error("plain")},
    "<function: throws new Error('lookup threw')>": {"throws": error("lookup threw")},
    "<function: calls back with [{address:'127.0.0.1',family:4}]>": {"answers": _LOCAL},
    "<function: calls back with '127.0.0.1', 4>": {"answers": _LOCAL},
    "<function: calls back with address '127.0.0.1', family 99>": {"answers": [["127.0.0.1", 99]]},
    "<function: calls back with [{address:'not-an-ip',family:4}]>": {"answers": [["not-an-ip", 4]]},
    "<function: calls back with an empty array>": {"answers": []},
    "<function: never calls back>": {"silent": True},
    "<function: calls back after 60 ms with [{address:'127.0.0.1',family:4}]>": {
        "answers": _LOCAL,
        "ms": 60,
    },
    "<function: calls back synchronously with [{address:'127.0.0.1',family:4}]>": {
        "answers": _LOCAL,
        "synchronous": True,
    },
    "<function: calls back with [127.0.0.1/4, 127.0.0.1/4, 'bad'/4, ::1/6]>": {
        "answers": [*_LOCAL, *_LOCAL, ["bad", 4], ["::1", 6]]
    },
    '<function: calls back with ["127.0.0.1","127.0.0.2"]>': {
        "answers": [*_LOCAL, ["127.0.0.2", 4]]
    },
    '<function: calls back with ["127.0.0.1","127.0.0.2","::1"]>': {
        "answers": [*_LOCAL, ["127.0.0.2", 4], ["::1", 6]]
    },
    '<function: calls back with ["127.0.0.1","::1"]>': {"answers": [*_LOCAL, ["::1", 6]]},
    "<function: calls back with 127.0.0.1 and ::1>": {"answers": [*_LOCAL, ["::1", 6]]},
    "<function: notes its arguments>": {},
    "<function: notes its arguments, returns false>": {"returns": False},
    "<function: returns {psk: 16 bytes 0xaa, identity: 'alice'}>": {"returns": _ALICE},
    "<function: returns {psk: 16 bytes 0xaa, identity: 'bob'}>": {
        "returns": {**_ALICE, "identity": "bob"}
    },
    "<function: throws new Error('no key')>": {"throws": error("no key")},
    "<function: returns {psk: 'string', identity: 'alice'}>": {
        "returns": {"psk": "string", "identity": "alice"}
    },
}


def _buffer(content: bytes) -> Json:
    return {"$": "Buffer", "base64": base64.b64encode(content).decode()}


def _symbol(text: str) -> Json | None:
    """What a symbol of the recordings stands for, as far as that is the same in every run."""
    if re.fullmatch(r"(?:<cert [\w-]+>)+", text):
        return "".join(pki.pem(name).decode() for name in re.findall(r"<cert ([\w-]+)>", text))
    if match := re.fullmatch(r"<(crl-[\w-]+)>", text):
        return pki.crl_pem(match[1]).decode()
    if match := re.fullmatch(r"<key of ([\w-]+)(?:, encrypted with passphrase (\w+))?>", text):
        return pki.key_pem(match[1], match[2]).decode()
    if match := re.fullmatch(r"<([\w-]+)\.pfx>", text):
        return _buffer(pki.pfx(match[1]))
    if text == "<512-bit DH parameters>":
        return pki.dh_parameters_pem().decode()
    return None


@dataclass(frozen=True)
class Scenario:
    """One recording, with what the harness needs to run it."""

    name: str
    recording: Mapping[str, Json]

    @functools.cached_property
    def plan(self) -> ServerPlan:
        return plan_from(self.recording["server"])

    @functools.cached_property
    def program(self) -> Program:
        text = self.recording["actions"].partition("; note: ")[0]
        if text == _ATTEMPTED_TEXT:
            end = END if self.name.startswith("autoselect-") else QUIET_END
            return Program((on(SECURE, _ATTEMPTED, end),))
        return PROGRAMS[text]

    @property
    def actions_known(self) -> bool:
        text = self.recording["actions"].partition("; note: ")[0]
        return text == _ATTEMPTED_TEXT or text in PROGRAMS

    @property
    def _functions_noted(self) -> bool:
        """The program of the recording noted calls of its functions; it did not always."""
        return self.name.startswith(("csi-", "lookup-", "set-servername-", "callback-"))

    @property
    def alone(self) -> bool:
        """Nothing else may run meanwhile: it listens to what belongs to the whole process."""
        own = "environment" in self.recording or self.name.endswith(
            ("-dns", "-kernel", "-second-times-out")
        )
        # 100 ms are given, and all default roots or a slow key derivation to get through
        hurries = self.name in {"option-ca-empty-string", "option-pfx-right"}
        return self.program.alone or self.hears_uncaught or own or hurries

    @property
    def hears_uncaught(self) -> bool:
        return any(name == "@uncaughtException" for name, _ in self.events())

    @property
    def stays_open(self) -> bool:
        """Node's socket is still open when its state is taken."""
        return any(name == OPEN_SNAPSHOT for name, _ in self.events())

    def arguments(self, places: Mapping[str, Json]) -> list[Json]:
        """The arguments of connect(), with symbols resolved; `places` has those of this run."""
        options = self.recording["options"]
        if options is None:
            options = {"ca": ["<cert root-a>"]}  # of the constructor; the trace does not show them
        arguments = options if isinstance(options, list) else [options]
        resolved = [self._resolve(argument, places) for argument in arguments]
        for argument in resolved:
            if isinstance(argument, dict):
                argument.update(_OPTIONS.get(self.name, {}))
        return resolved

    def _resolve(self, value: Json, places: Mapping[str, Json]) -> Json:
        if isinstance(value, dict):
            if value.get("$") == "Buffer" and "base64" not in value:
                if self.name == "option-ca-der":
                    return _buffer(pki.der("root-a"))
                return _buffer(value.get("text", "\0" * value["length"]).encode())
            return {key: self._resolve(item, places) for key, item in value.items()}
        if isinstance(value, list):
            return [self._resolve(item, places) for item in value]
        if isinstance(value, str):
            if value in places:
                return places[value]
            if value in _FUNCTIONS:
                return {"$": "function", "noted": self._functions_noted, **_FUNCTIONS[value]}
            resolved = _symbol(value)
            return value if resolved is None else resolved
        return value

    def events(self, version: str = "v26") -> list[Event]:
        source = self.recording
        if version != "v26" and "events" in self.recording.get(version, {}):
            source = self.recording[version]
        return [
            (entry, {}) if isinstance(entry, str) else (entry[0], entry[1])
            for entry in source["events"]
        ]

    def after(self, version: str = "v26") -> dict[str, Json] | None:
        source = self.recording
        if version != "v26" and version in self.recording:
            # the versions differ in whether there is a socket at all, then `after` is given too
            override = self.recording[version]
            source = override if "after" in override else source
        changes = source["after"]
        if changes is None:
            return None
        whole = {**_common_after(), **changes}
        return {key: value for key, value in whole.items() if value != ABSENT}

    def saw(self, version: str = "v26") -> list[list[Json]]:
        source = self.recording
        if version != "v26" and "serverSaw" in self.recording.get(version, {}):
            source = self.recording[version]
        return list(source.get("serverSaw") or [])


OPEN_SNAPSHOT = "@snapshot taken while the socket was still open"


@functools.cache
def _file() -> Json:
    return json.loads((HERE / "recordings.json").read_text(encoding="utf-8"))


def _common_after() -> dict[str, Json]:
    after: dict[str, Json] = _file()["after"]
    return after


@functools.cache
def load() -> dict[str, Scenario]:
    """All scenarios by name, in the order of the recordings."""
    return {entry["name"]: Scenario(entry["name"], entry) for entry in _file()["recordings"]}


def select(keep: Callable[[Scenario], bool] = lambda _: True) -> list[Scenario]:
    return [scenario for scenario in load().values() if keep(scenario)]
