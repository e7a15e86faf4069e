"""Reading the arguments of connect(): both dialects, every option, Node's complaints in order."""

import dataclasses
import os
import socket
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlsevents import options as module
from tlsevents.errors import (
    OptionsError,
    OptionTypeError,
    TLSEventsError,
    UnsupportedOptionError,
)
from tlsevents.options import (
    CONTEXT_OPTIONS,
    OPTIONS,
    SYSTEM,
    ConnectOptions,
    OnRead,
    Option,
    PemContent,
    PemPath,
    Sealed,
    read_connect_arguments,
    read_options,
)
from tlsevents.sessions import Session

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
CONTENT = PemContent(PEM.encode())
KEYS_AND_TEXTS = "string or an instance of Buffer, TypedArray, or DataView"


def read(*args: object, **keywords: object) -> ConnectOptions:
    return read_connect_arguments(args, keywords)[0]


def from_node(**options: object) -> ConnectOptions:
    """Read an options mapping, Node's dialect, with a port."""
    return read({"port": 443} | options)


def complaint(*args: object, **keywords: object) -> TLSEventsError:
    with pytest.raises(OptionsError) as caught:
        read_connect_arguments(args, keywords)
    assert caught.value.phase == "options"
    assert caught.value.hint
    return caught.value


class ReadySecureContext:
    def client_context(self, *, verify: bool, check_hostname: bool) -> ssl.SSLContext:
        raise NotImplementedError


class Duplex:
    """What Node's streams have that TLS needs."""

    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def write(self, data: bytes) -> None: ...
    def on(self, event: str, listener: Callable[..., object]) -> None: ...


class Reader:
    def read(self) -> None: ...


class Writer:
    def write(self, data: bytes) -> None: ...


# --- Forms of the call ----------------------------------------------------------------------------


def callback() -> None:
    pass


@pytest.mark.parametrize(
    ("args", "keywords", "expected", "called"),
    [
        ((443,), {}, {"port": 443}, False),
        (("443",), {}, {"port": 443}, False),
        (("0x1bb",), {}, {"port": 443}, False),
        ((" 443 ",), {}, {"port": 443}, False),
        ((443.0,), {}, {"port": 443}, False),
        ((443, "h"), {}, {"port": 443, "host": "h"}, False),
        ((443, "h", {"servername": "s"}), {}, {"port": 443, "host": "h", "servername": "s"}, False),
        ((443, "h", {}, callback), {}, {"port": 443, "host": "h"}, True),
        ((443, {"servername": "s"}, callback), {}, {"port": 443, "servername": "s"}, True),
        ((443, "h", callback), {}, {"port": 443, "host": "h"}, True),
        ((443, callback), {}, {"port": 443}, True),
        ((443, None, None, callback), {}, {"port": 443}, True),
        ((443, None, {"host": "h"}), {}, {"port": 443, "host": "h"}, False),
        (("/run/x",), {}, {"path": "/run/x"}, False),
        (("name",), {}, {"path": "name"}, False),
        (("-1",), {}, {"path": "-1"}, False),
        (
            ("/run/x", {"servername": "s"}, callback),
            {},
            {"path": "/run/x", "servername": "s"},
            True,
        ),
        (("/run/x", callback), {}, {"path": "/run/x"}, True),
        ((Path("/run/x"),), {}, {"path": "/run/x"}, False),
        (({"port": 443, "host": "h"},), {}, {"port": 443, "host": "h"}, False),
        (({"port": 443}, callback), {}, {"port": 443}, True),
        (({"port": 443}, None), {}, {"port": 443}, False),
        ((), {"port": 443, "host": "h"}, {"port": 443, "host": "h"}, False),
        ((), {"path": "/run/x"}, {"path": "/run/x"}, False),
        ((), {"path": "", "port": 1}, {"port": 1}, False),
        ((), {"options": {"port": 443}, "callback": callback}, {"port": 443}, True),
        ((443,), {"host": "h", "callback": callback}, {"port": 443, "host": "h"}, True),
        ((1, "a", {"port": 2, "host": "b"}), {}, {"port": 2, "host": "b"}, False),
        ((1, "a", {"port": 2}), {"host": "a"}, {"port": 2, "host": "a"}, False),
        ((None,), {"port": 443}, {"port": 443}, False),
    ],
)
def test_forms(
    args: tuple[object, ...],
    keywords: dict[str, object],
    expected: dict[str, object],
    called: bool,
) -> None:
    options, function = read_connect_arguments(args, keywords)
    assert options == ConnectOptions(**expected)  # type: ignore[arg-type]
    assert function is (callback if called else None)


@pytest.mark.parametrize(
    ("args", "keywords"),
    [
        ((443, 5), {}),
        ((443, "h", "x"), {}),
        ((443, "h", {}, callback, None), {}),
        ((443, "h", {}, callback, callback), {}),
        ((443, {}, "h"), {}),
        (("/x", "h"), {}),
        (({"port": 1}, "notfn"), {}),
        (({"port": 1}, {"port": 1}), {}),
        ((443,), {"callback": "notfn"}),
        ((443,), {"options": "x"}),
    ],
)
def test_arguments_that_fit_no_form(args: tuple[object, ...], keywords: dict[str, object]) -> None:
    error = complaint(*args, **keywords)
    assert isinstance(error, TypeError)
    assert error.code == "ERR_INVALID_ARG_TYPE"


@pytest.mark.parametrize(
    "args", [(), (None,), ({},), ({"host": "h"},), ({"path": ""},), (None, None)]
)
def test_nothing_to_connect_to(args: tuple[object, ...]) -> None:
    error = complaint(*args)
    assert error.code == "ERR_MISSING_ARGS"
    assert str(error) == 'The "options" or "port" or "path" argument must be specified'


def test_a_secure_context_needs_no_target() -> None:
    assert read_options({"ca": PEM}, {"ciphers": "HIGH"}) == ConnectOptions(
        ca=(CONTENT,), ciphers="HIGH"
    )
    assert read_options(None, {}) == ConnectOptions()


def test_defaults() -> None:
    options = read(443)
    assert options == ConnectOptions(port=443)
    assert (options.host, options.reject_unauthorized, options.servername) == (None, True, None)
    assert (options.timeout, options.handshake_timeout, options.high_water_mark) == (
        None,
        60,
        65536,
    )
    assert (options.auto_select_family, options.auto_select_family_attempt_timeout) == (True, 0.5)
    assert (options.ca, options.cert, options.key) == (None, (), ())


# --- Two dialects ---------------------------------------------------------------------------------


def test_every_option_has_both_spellings_and_a_field() -> None:
    fields = {field.name for field in dataclasses.fields(ConnectOptions)}
    refused = {"signal", "object_mode", "block_list"}
    assert {row.python for row in OPTIONS} - refused == fields
    assert (
        len({row.node for row in OPTIONS}) == len({row.python for row in OPTIONS}) == len(OPTIONS)
    )
    for row in OPTIONS:
        flat = row.node.lower()
        assert row.python.replace("_", "") == flat


def test_none_is_not_given() -> None:
    keywords: dict[str, object] = dict.fromkeys(row.python for row in OPTIONS)
    del keywords["handshake_timeout"]  # None lifts this limit
    assert read({row.node: None for row in OPTIONS if row.node != "handshakeTimeout"}, port=1) == (
        ConnectOptions(port=1)
    )
    assert read(**{**keywords, "port": 1}) == ConnectOptions(port=1)
    assert read(1, handshake_timeout=None).handshake_timeout is None
    assert from_node(handshakeTimeout=None).handshake_timeout is None


@pytest.mark.parametrize(
    ("name", "node", "milliseconds", "seconds"),
    [
        ("timeout", "timeout", 5000, 5.0),
        ("timeout", "timeout", 0, 0.0),
        ("handshake_timeout", "handshakeTimeout", 1500, 1.5),
        ("keep_alive_initial_delay", "keepAliveInitialDelay", 2500.0, 2.5),
        ("auto_select_family_attempt_timeout", "autoSelectFamilyAttemptTimeout", 250, 0.25),
    ],
)
def test_units(name: str, node: str, milliseconds: float, seconds: float) -> None:
    assert getattr(from_node(**{node: milliseconds}), name) == seconds
    assert getattr(read(1, **{name: seconds}), name) == seconds
    both = read({"port": 1, node: milliseconds}, **{name: seconds})
    assert getattr(both, name) == seconds


def test_attempts_get_10_ms_at_least() -> None:
    assert from_node(autoSelectFamilyAttemptTimeout=1).auto_select_family_attempt_timeout == 0.01
    short = read(1, auto_select_family_attempt_timeout=0.001)
    assert short.auto_select_family_attempt_timeout == 0.01


def test_session_timeout_is_in_seconds_in_both() -> None:
    assert from_node(sessionTimeout=300).session_timeout == 300
    assert read(1, session_timeout=300).session_timeout == 300


def test_the_mapping_is_not_changed() -> None:
    frozen = MappingProxyType({"port": 443, "ca": [PEM], "key": [{"pem": PEM}]})
    before = repr(frozen)
    assert read(frozen, host="h", port=443).host == "h"
    assert repr(frozen) == before


@pytest.mark.parametrize(
    ("args", "keywords", "name"),
    [
        (({"port": 1, "timeout": 5000},), {"timeout": 4}, "timeout"),
        (({"port": 1, "rejectUnauthorized": True},), {"reject_unauthorized": False}, "reject_"),
        ((1,), {"port": 2}, "port"),
        (({"port": 1, "ca": PEM},), {"ca": "/ca.pem"}, "ca"),
        (({"port": 1},), {"options": {"port": 1}}, "options"),
        ((1, callback), {"callback": len}, "callback"),
    ],
)
def test_given_twice(args: tuple[object, ...], keywords: dict[str, object], name: str) -> None:
    error = complaint(*args, **keywords)
    assert isinstance(error, OptionTypeError)
    assert str(error).startswith(f'The "{name}')
    assert str(error).endswith("was given twice, with different values")


def test_given_twice_alike() -> None:
    assert read({"port": 1, "ca": PEM}, ca=PEM.encode()).ca == (CONTENT,)


@pytest.mark.parametrize(
    ("args", "keywords", "name", "advice"),
    [
        ((1,), {"reject_unauthorised": False}, "reject_unauthorised", '"reject_unauthorized"'),
        (({"rejectUnauthorised": False},), {}, "rejectUnauthorised", '"rejectUnauthorized"'),
        (
            (1,),
            {"rejectUnauthorized": False},
            "rejectUnauthorized",
            'spelled "reject_unauthorized"',
        ),
        (({"server_name": "x"},), {}, "server_name", '"servername"'),
        (({"min_version": "x"},), {}, "min_version", 'spelled "minVersion"'),
        ((1,), {"ALPNProtocols": []}, "ALPNProtocols", 'spelled "alpn_protocols"'),
        (({"hostname": "x"},), {}, "hostname", '"host"'),
        (({5: "x"},), {}, "5", "nearest"),
        (({"onread": {"bufer": b""}, "port": 1},), {}, "options.onread.bufer", '"buffer"'),
        (
            ({"key": [{"pem": PEM, "pass": ""}], "port": 1},),
            {},
            "options.key[].pass",
            '"passphrase"',
        ),
    ],
)
def test_unknown_names(
    args: tuple[object, ...], keywords: dict[str, object], name: str, advice: str
) -> None:
    error = complaint(*args, **keywords)
    assert isinstance(error, OptionTypeError)
    assert error.code == "ERR_UNKNOWN_OPTION"
    assert str(error).startswith(f'Unknown option "{name}"')
    assert advice in str(error)


def test_unknown_names_are_found_before_bad_values() -> None:
    assert complaint({"port": "bad", "nonsense": 1}).code == "ERR_UNKNOWN_OPTION"


# --- Node's complaints ----------------------------------------------------------------------------


def type_text(name: str, kind: str, received: str) -> str:
    return f'The "options.{name}" property must be {kind}. Received {received}'


def of(kind: str) -> str:
    return f"of type {kind}"


TYPE = "ERR_INVALID_ARG_TYPE"
VALUE = "ERR_INVALID_ARG_VALUE"
RANGE = "ERR_OUT_OF_RANGE"
VERSION = "ERR_TLS_INVALID_PROTOCOL_VERSION"
METHOD = "ERR_TLS_INVALID_PROTOCOL_METHOD"
CONFLICT = "ERR_TLS_PROTOCOL_VERSION_CONFLICT"
PORT = "ERR_SOCKET_BAD_PORT"
FAILED = "ERR_CRYPTO_OPERATION_FAILED"
SMALL_DH = """-----BEGIN DH PARAMETERS-----
MEYCQQDaWDwW2YUiidDkr3VvTMqS3UvlM7gE+w/tlO+cikQD7VdGUNNpmdsp13Yn
a6LT1BLiGPTdHghM9tgAPnxHdOgzAgEC
-----END DH PARAMETERS-----
"""
AN_X, A_5, AN_OBJECT = "type string ('x')", "type number (5)", "an instance of Object"

# Recorded from Node 26: the options (besides a port), code and message.
RECORDED: list[tuple[dict[str, Any], str | None, str]] = [
    ({"minVersion": 12}, VERSION, "12 is not a valid minimum TLS protocol version"),
    ({"minVersion": ""}, VERSION, '"" is not a valid minimum TLS protocol version'),
    ({"maxVersion": "tlsv1.2"}, VERSION, '"tlsv1.2" is not a valid maximum TLS protocol version'),
    ({"minVersion": {"a": [1]}}, VERSION, '{"a":[1]} is not a valid minimum TLS protocol version'),
    ({"maxVersion": False}, VERSION, "false is not a valid maximum TLS protocol version"),
    (
        {"secureProtocol": "TLSv1_2_method", "minVersion": "TLSv1.2"},
        CONFLICT,
        'TLS protocol version "TLSv1.2" conflicts with secureProtocol "TLSv1_2_method"',
    ),
    (
        {"secureProtocol": "TLSv1_2_method", "maxVersion": "TLSv1.2"},
        CONFLICT,
        'TLS protocol version "TLSv1.2" conflicts with secureProtocol "TLSv1_2_method"',
    ),
    ({"secureProtocol": "blah"}, METHOD, "Unknown method: blah"),
    ({"secureProtocol": "SSLv2_method"}, METHOD, "SSLv2 methods disabled"),
    ({"secureProtocol": "SSLv3_method"}, METHOD, "SSLv3 methods disabled"),
    ({"port": "abc"}, PORT, "Port should be >= 0 and < 65536. Received type string ('abc')."),
    ({"port": 65536}, PORT, "Port should be >= 0 and < 65536. Received type number (65536)."),
    ({"port": 1.5}, PORT, "Port should be >= 0 and < 65536. Received type number (1.5)."),
    ({"port": float("nan")}, PORT, "Port should be >= 0 and < 65536. Received type number (NaN)."),
    ({"port": ""}, PORT, "Port should be >= 0 and < 65536. Received type string ('')."),
    ({"port": "-1"}, PORT, "Port should be >= 0 and < 65536. Received type string ('-1')."),
    ({"port": {}}, TYPE, type_text("port", "one of type number or string", AN_OBJECT)),
    (
        {"port": True},
        TYPE,
        type_text("port", "one of type number or string", "type boolean (true)"),
    ),
    ({"host": {}}, TYPE, type_text("host", of("string"), AN_OBJECT)),
    (
        {"host": "a\0b"},
        VALUE,
        "The property 'options.host' must be a string without null bytes. Received 'a\\x00b'",
    ),
    ({"path": 5}, TYPE, type_text("path", of("string"), A_5)),
    ({"family": 7}, VALUE, "The property 'options.family' must be one of: 0, 4, 6. Received 7"),
    ({"lookup": "x"}, TYPE, type_text("lookup", of("function"), AN_X)),
    ({"localAddress": "nope"}, "ERR_INVALID_IP_ADDRESS", "Invalid IP address: nope"),
    ({"localAddress": 5}, "ERR_INVALID_IP_ADDRESS", "Invalid IP address: 5"),
    ({"localPort": "x"}, TYPE, type_text("localPort", of("number"), AN_X)),
    (
        {"autoSelectFamily": "yes"},
        TYPE,
        type_text("autoSelectFamily", of("boolean"), "type string ('yes')"),
    ),
    (
        {"autoSelectFamilyAttemptTimeout": "5"},
        TYPE,
        type_text("autoSelectFamilyAttemptTimeout", of("number"), "type string ('5')"),
    ),
    (
        {"autoSelectFamilyAttemptTimeout": 0},
        RANGE,
        'The value of "options.autoSelectFamilyAttemptTimeout" is out of range.'
        " It must be >= 1 && <= 2147483647. Received 0",
    ),
    (
        {"autoSelectFamilyAttemptTimeout": 1.5},
        RANGE,
        'The value of "options.autoSelectFamilyAttemptTimeout" is out of range.'
        " It must be an integer. Received 1.5",
    ),
    ({"hints": "x"}, TYPE, type_text("hints", of("number"), AN_X)),
    ({"hints": 1}, VALUE, "The argument 'hints' is invalid. Received 1"),
    ({"cert": 5}, TYPE, type_text("cert", of(KEYS_AND_TEXTS), A_5)),
    ({"cert": {}}, TYPE, type_text("cert", of(KEYS_AND_TEXTS), AN_OBJECT)),
    ({"cert": [5]}, TYPE, type_text("cert", of(KEYS_AND_TEXTS), A_5)),
    ({"ca": 5}, TYPE, type_text("ca", of(KEYS_AND_TEXTS), A_5)),
    ({"ca": {}}, TYPE, type_text("ca", of(KEYS_AND_TEXTS), AN_OBJECT)),
    ({"ca": [None]}, TYPE, type_text("ca", of(KEYS_AND_TEXTS), "null")),
    ({"key": [{}]}, TYPE, type_text("key", of(KEYS_AND_TEXTS), AN_OBJECT)),
    ({"key": {"pem": "x"}}, TYPE, type_text("key", of(KEYS_AND_TEXTS), AN_OBJECT)),
    ({"crl": 5}, TYPE, type_text("crl", of(KEYS_AND_TEXTS), A_5)),
    ({"crl": [5]}, TYPE, type_text("crl", of(KEYS_AND_TEXTS), A_5)),
    ({"crl": ""}, FAILED, "Failed to parse CRL"),
    ({"pfx": 5}, FAILED, "Unable to load PFX certificate"),
    ({"pfx": {}}, FAILED, "Unable to load PFX certificate"),
    ({"ciphers": 5}, TYPE, type_text("ciphers", of("string"), A_5)),
    ({"ciphers": ":"}, VALUE, "The property 'options.ciphers' is invalid. Received [ '', '' ]"),
    ({"sigalgs": ""}, VALUE, "The property 'options.sigalgs' is invalid. Received ''"),
    ({"sigalgs": 5}, TYPE, type_text("sigalgs", of("string"), A_5)),
    ({"ecdhCurve": 5}, TYPE, type_text("ecdhCurve", of("string"), A_5)),
    ({"ecdhCurve": False}, TYPE, type_text("ecdhCurve", of("string"), "type boolean (false)")),
    ({"dhparam": SMALL_DH}, VALUE, "DH parameter is less than 1024 bits"),
    ({"dhparam": 5}, TYPE, type_text("dhparam", of(KEYS_AND_TEXTS), A_5)),
    ({"ALPNProtocols": "h2"}, None, "Must give a Buffer as first argument"),
    ({"ALPNProtocols": 5}, None, "Must give a Buffer as first argument"),
    ({"ALPNProtocols": {}}, None, "Must give a Buffer as first argument"),
    (
        {"ALPNProtocols": [""]},
        VALUE,
        "The argument 'protocols[0]' must be a non-empty string. Received ''",
    ),
    (
        {"ALPNProtocols": ["a" * 256]},
        RANGE,
        "The byte length of the protocol at index 0 exceeds the maximum length."
        " It must be <= 255. Received 256",
    ),
    (
        {"ALPNProtocols": b"\x05A"},
        VALUE,
        "The argument 'ALPNProtocols' contains truncated protocol. Received <Buffer 05 41>",
    ),
    ({"checkServerIdentity": "x"}, TYPE, type_text("checkServerIdentity", of("function"), AN_X)),
    ({"minDHSize": "1024"}, TYPE, type_text("minDHSize", of("number"), "type string ('1024')")),
    (
        {"minDHSize": 0},
        RANGE,
        'The value of "options.minDHSize" is out of range. It must be >= 1. Received 0',
    ),
    (
        {"servername": "127.0.0.1"},
        VALUE,
        "The property 'options.servername' Setting the TLS ServerName to an IP address is not"
        " permitted.. Received '127.0.0.1'",
    ),
    (
        {"servername": "::1"},
        VALUE,
        "The property 'options.servername' Setting the TLS ServerName to an IP address is not"
        " permitted.. Received '::1'",
    ),
    (
        {"servername": 5},
        TYPE,
        'The "name" argument must be of type string. Received type number (5)',
    ),
    (
        {"servername": {}},
        TYPE,
        'The "name" argument must be of type string. Received an instance of Object',
    ),
    ({"secureContext": "x"}, "ERR_TLS_INVALID_CONTEXT", "context must be a SecureContext"),
    (
        {"secureContext": {"context": {}}},
        "ERR_TLS_INVALID_CONTEXT",
        "context must be a SecureContext",
    ),
    ({"session": 5}, TYPE, "Session must be a buffer"),
    ({"session": []}, TYPE, "Session must be a buffer"),
    (
        {"secureOptions": "x"},
        TYPE,
        "The \"secureOptions\" argument must be of type number. Received type string ('x')",
    ),
    (
        {"secureOptions": 1.5},
        RANGE,
        'The value of "secureOptions" is out of range. It must be an integer. Received 1.5',
    ),
    (
        {"secureOptions": 2**60},
        RANGE,
        'The value of "secureOptions" is out of range.'
        " It must be >= -9007199254740991 && <= 9007199254740991."
        " Received 1_152_921_504_606_846_976",
    ),
    ({"enableTrace": "x"}, TYPE, type_text("enableTrace", of("boolean"), AN_X)),
    (
        {"ticketKeys": b"abc"},
        VALUE,
        "The property 'options.ticketKeys' must be exactly 48 bytes. Received 3",
    ),
    ({"sessionTimeout": "x"}, TYPE, type_text("sessionTimeout", of("number"), AN_X)),
    (
        {"sessionTimeout": -1},
        RANGE,
        'The value of "options.sessionTimeout" is out of range.'
        " It must be >= 0 && <= 2147483647. Received -1",
    ),
    ({"sessionIdContext": 5}, TYPE, type_text("sessionIdContext", of("string"), A_5)),
    (
        {"pskCallback": "x"},
        TYPE,
        "The \"pskCallback\" argument must be of type function. Received type string ('x')",
    ),
    (
        {"timeout": "x"},
        TYPE,
        "The \"msecs\" argument must be of type number. Received type string ('x')",
    ),
    (
        {"timeout": -1},
        RANGE,
        'The value of "msecs" is out of range. It must be a non-negative finite number.'
        " Received -1",
    ),
    (
        {"timeout": float("inf")},
        RANGE,
        'The value of "msecs" is out of range.'
        " It must be a non-negative finite number. Received Infinity",
    ),
    (
        {"signal": {}},
        TYPE,
        'The "signal" argument must be an instance of AbortSignal. Received an instance of Object',
    ),
    (
        {"highWaterMark": -1},
        VALUE,
        "The property 'options.readableHighWaterMark' is invalid. Received -1",
    ),
    (
        {"highWaterMark": "x"},
        VALUE,
        "The property 'options.readableHighWaterMark' is invalid. Received 'x'",
    ),
    (
        {"certificateCompression": ["x"]},
        VALUE,
        "The property 'options.certificateCompression[0]' must be 'zlib', 'brotli', or 'zstd'."
        " Received 'x'",
    ),
    (
        {"certificateCompression": ["zlib", "brotli", "zstd", "zlib"]},
        VALUE,
        "The property 'options.certificateCompression' can specify at most 3 algorithms."
        " Received [ 'zlib', 'brotli', 'zstd', 'zlib' ]",
    ),
    (
        {"certificateCompression": ["zlib", "zlib"]},
        FAILED,
        "Failed to set certificate compression preference",
    ),
    (
        {"certificateCompression": "zlib"},
        TYPE,
        type_text("certificateCompression", "an instance of Array", "type string ('zlib')"),
    ),
    (
        {"clientCertEngine": 5},
        TYPE,
        type_text("clientCertEngine", of("string or one of null or undefined"), A_5),
    ),
    (
        {"privateKeyIdentifier": "x"},
        VALUE,
        "The property 'options.privateKeyEngine' is invalid. Received undefined",
    ),
    (
        {"privateKeyIdentifier": "x", "privateKeyEngine": 5},
        TYPE,
        type_text("privateKeyEngine", of("string or one of null or undefined"), A_5),
    ),
    (
        {"keepAliveInitialDelay": "5"},
        TYPE,
        type_text("keepAliveInitialDelay", of("number"), "type string ('5')"),
    ),
]

# Where ours must differ: secrets are not shown; what Node overlooks is refused; Python's own types.
OURS: list[tuple[dict[str, Any], str | None, str]] = [
    ({"key": 5}, TYPE, type_text("key", of(KEYS_AND_TEXTS), "type number")),
    ({"key": PEM, "passphrase": 5}, TYPE, type_text("passphrase", of("string"), "type number")),
    (
        {"key": [{"pem": PEM, "passphrase": 5}]},
        TYPE,
        type_text("passphrase", of("string"), "type number"),
    ),
    ({"passphrase": 5}, TYPE, type_text("passphrase", of("string"), "type number")),
    (
        {"ticketKeys": "x"},
        TYPE,
        type_text("ticketKeys", "an instance of Buffer, TypedArray, or DataView", "type string"),
    ),
    (
        {"rejectUnauthorized": 0},
        TYPE,
        type_text("rejectUnauthorized", of("boolean"), "type number (0)"),
    ),
    (
        {"rejectUnauthorized": "false"},
        TYPE,
        type_text("rejectUnauthorized", of("boolean"), "type string ('false')"),
    ),
    ({"session": "garbage"}, TYPE, "Session must be a buffer"),
    ({"secureProtocol": 5}, TYPE, type_text("secureProtocol", of("string"), A_5)),
    (
        {"onread": {"buffer": "x", "callback": callback}},
        TYPE,
        type_text(
            "onread.buffer",
            "an instance of bytearray or a writable memoryview (not empty), or a function that"
            " returns one",
            AN_X,
        ),
    ),
    (
        {"onread": {"buffer": bytearray(5), "callback": "y"}},
        TYPE,
        type_text("onread.callback", of("function"), "type string ('y')"),
    ),
    ({"onread": 5}, TYPE, type_text("onread", "an instance of Object", A_5)),
    ({"handshakeTimeout": "x"}, TYPE, type_text("handshakeTimeout", of("number"), AN_X)),
    (
        {"handshakeTimeout": 0},
        RANGE,
        'The value of "options.handshakeTimeout" is out of range.'
        " It must be a positive finite number, or None for no limit. Received 0",
    ),
    (
        {"socket": {}},
        TYPE,
        type_text(
            "socket",
            "an instance of Socket, TLSSocket or socket.socket, or a pair of StreamReader and"
            " StreamWriter",
            AN_OBJECT,
        ),
    ),
    (
        {"ALPNProtocols": ["a", 5]},
        TYPE,
        'The "protocols[1]" argument must be of type string. Received type number (5)',
    ),
    (
        {"ALPNProtocols": b"\x01A\x00"},
        VALUE,
        "The argument 'ALPNProtocols' contains zero-length protocol. Received <Buffer 01 41 00>",
    ),
    (
        {"ca": "a\0b"},
        VALUE,
        "The property 'options.ca' must be a string without null bytes",
    ),
    ({"localPort": 70000}, PORT, "Port should be >= 0 and < 65536. Received type number (70000)."),
]


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        pytest.param(*row, id=f"{number}-{'-'.join(row[0])}")
        for number, row in enumerate(RECORDED + OURS)
    ],
)
def test_complaints(options: dict[str, Any], code: str | None, message: str) -> None:
    error = complaint({"port": 443} | options)
    assert (error.code, str(error)) == (code, message)
    if code == TYPE:
        assert isinstance(error, TypeError)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"host": 5}, 'The "host" argument must be of type str. Received type number (5)'),
        (
            {"reject_unauthorized": "no"},
            'The "reject_unauthorized" argument must be of type bool.'
            " Received type string ('no')",
        ),
        (
            {"timeout": "x"},
            "The \"timeout\" argument must be of type int or float. Received type string ('x')",
        ),
        (
            {"timeout": -1},
            'The value of "timeout" is out of range. It must be a non-negative finite number.'
            " Received -1",
        ),
        (
            {"auto_select_family_attempt_timeout": 0},
            'The value of "auto_select_family_attempt_timeout" is out of range.'
            " It must be a positive finite number. Received 0",
        ),
        (
            {"auto_select_family_attempt_timeout": "x"},
            'The "auto_select_family_attempt_timeout" argument must be of type int or float.'
            " Received type string ('x')",
        ),
        (
            {"ca": 5},
            'The "ca" argument must be of type str, bytes or os.PathLike. Received type number (5)',
        ),
        ({"passphrase": 5}, 'The "passphrase" argument must be of type str. Received type number'),
        (
            {"key": [{"pem": b"x", "passphrase": 5}]},
            'The "passphrase" argument must be of type str. Received type number',
        ),
        (
            {"high_water_mark": -1},
            "The argument 'high_water_mark' is invalid. Received -1",
        ),
        (
            {"private_key_identifier": "x"},
            "The argument 'private_key_engine' is invalid. Received undefined",
        ),
    ],
)
def test_complaints_about_keywords(keywords: dict[str, object], message: str) -> None:
    assert str(complaint(443, **keywords)) == message


# Pairs of bad values in the order in which Node complains.
ORDER: list[dict[str, Any]] = [
    {"checkServerIdentity": "x"},
    {"minDHSize": 0},
    {"minVersion": "x"},
    {"secureOptions": "x"},
    {"ciphers": 5},
    {"ca": 5},
    {"cert": 5},
    {"key": 5},
    {"certificateCompression": "x"},
    {"sigalgs": 5},
    {"privateKeyIdentifier": "x"},
    {"ecdhCurve": 5},
    {"dhparam": 5},
    {"crl": 5},
    {"sessionIdContext": 5},
    {"pfx": 5},
    {"clientCertEngine": 5},
    {"ticketKeys": b""},
    {"sessionTimeout": "x"},
    {"servername": "::1"},
    {"enableTrace": "x"},
    {"ALPNProtocols": "x"},
    {"keepAliveInitialDelay": "x"},
    {"highWaterMark": "x"},
    {"signal": {}},
    {"session": 5},
    {"pskCallback": "x"},
    {"timeout": "x"},
    {"host": 5},
    {"localAddress": "x"},
    {"localPort": "x"},
    {"port": "x"},
    {"autoSelectFamily": "x"},
    {"autoSelectFamilyAttemptTimeout": "x"},
    {"lookup": "x"},
    {"family": 7},
    {"hints": 1},
]


def test_order_of_checks() -> None:
    alone = [str(complaint({"port": 443} | bad)) for bad in ORDER]
    for first, expected in enumerate(alone):
        everything: dict[str, Any] = {"port": 443, "servername": 5}
        for bad in reversed(ORDER[first:]):
            everything |= bad
        assert str(complaint(everything)) == expected
    assert str(complaint({"port": 443, "servername": 5})).startswith('The "name" argument')


def test_order_around_a_missing_target() -> None:
    assert complaint({"timeout": "x"}).code == TYPE
    assert complaint({"host": 5}).code == "ERR_MISSING_ARGS"
    assert complaint({"localAddress": "x", "lookup": 5}).code == "ERR_MISSING_ARGS"
    assert complaint({"path": 5, "host": 5}).code == TYPE


# --- What is accepted -----------------------------------------------------------------------------


def test_sources() -> None:
    path = PemPath("/ca.pem")
    accepted: list[tuple[object, object]] = [
        (PEM, (CONTENT,)),
        (PEM.encode(), (CONTENT,)),
        (bytearray(PEM.encode()), (CONTENT,)),
        (memoryview(PEM.encode()), (CONTENT,)),
        (b"not PEM", (PemContent(b"not PEM"),)),
        ("/ca.pem", (path,)),
        (Path("/ca.pem"), (path,)),
        ("not a pem", (PemPath("not a pem"),)),
        ([PEM, "/ca.pem"], (CONTENT, path)),
        ((Path("/ca.pem"),), (path,)),
    ]
    for given_value, expected in accepted:
        for name in ("ca", "cert", "crl"):
            assert getattr(from_node(**{name: given_value}), name) == expected
    assert from_node(ca="").ca is None
    assert from_node(ca=[]).ca == ()
    assert from_node(ca="system").ca is read(1, ca="system").ca is SYSTEM
    assert from_node(cert="", key="", pfx="") == ConnectOptions(port=443)
    assert from_node(ca="\ud800" + PEM).ca == (PemContent(b"?" + PEM.encode()),)


def test_keys_carry_their_passphrase() -> None:
    assert from_node(key="/k.pem").key == (Sealed(PemPath("/k.pem")),)
    assert from_node(key=PEM, passphrase="outer").key == (Sealed(CONTENT, "outer"),)
    several = [{"pem": PEM, "passphrase": "own"}, {"pem": "/k.pem"}, b"k"]
    assert from_node(key=several, passphrase="outer").key == (
        Sealed(CONTENT, "own"),
        Sealed(PemPath("/k.pem"), "outer"),
        Sealed(PemContent(b"k"), "outer"),
    )
    bundles = [{"buf": b"p", "passphrase": ""}, Path("/p.pfx")]
    assert from_node(pfx=bundles, passphrase="outer").pfx == (
        Sealed(PemContent(b"p"), ""),
        Sealed(PemPath("/p.pfx"), "outer"),
    )
    assert read({"port": 1, "key": PEM}, passphrase="other dialect").key == (
        Sealed(CONTENT, "other dialect"),
    )


class _Kept(Session):
    def __init__(self) -> None:
        """Stand for a session; nothing is resumed here."""

    def __repr__(self) -> str:
        return "hunter6"

    # From Python 3.13 on, a dataclass asks even what is the same object.
    __eq__ = object.__eq__
    __hash__ = object.__hash__


def test_secrets_show_in_no_repr() -> None:
    options = from_node(
        key=[{"pem": PEM + "hunter1", "passphrase": "hunter2"}],
        passphrase="hunter3",
        pfx=b"hunter4",
        ticketKeys=b"hunter5".ljust(48),
        session=_Kept(),
        cert=PEM + "hunter7",
    )
    shown = repr(options)
    assert "hunter" not in shown
    assert shown.startswith("ConnectOptions(port=443, ")
    assert "passphrase=..." in shown
    assert "hunter" not in repr(options.key)
    assert options == dataclasses.replace(options)


def test_values_are_hashable_for_the_cache() -> None:
    options = read(
        1, ca=[PEM, "/ca.pem"], key=[{"pem": PEM, "passphrase": "x"}], pfx=b"p", crl=b"c"
    )
    assert hash(tuple(getattr(options, name) for name in CONTEXT_OPTIONS))
    same = read(
        1,
        ca=(PEM.encode(), Path("/ca.pem")),
        key=[{"pem": PEM, "passphrase": "x"}],
        pfx=b"p",
        crl=b"c",
    )
    assert options == same


@pytest.mark.parametrize(
    ("options", "name", "value"),
    [
        ({"host": ""}, "host", "localhost"),
        ({"family": "IPv4"}, "family", 4),
        ({"family": "IPv6"}, "family", 6),
        ({"family": 6}, "family", 6),
        ({"family": socket.AF_INET6}, "family", 6),
        ({"family": socket.AF_UNSPEC}, "family", 0),
        ({"hints": socket.AI_ADDRCONFIG}, "hints", int(socket.AI_ADDRCONFIG)),
        ({"localAddress": "::1"}, "local_address", "::1"),
        ({"localPort": 8080}, "local_port", 8080),
        ({"allowHalfOpen": 1}, "allow_half_open", True),
        ({"allowHalfOpen": []}, "allow_half_open", True),
        ({"allowHalfOpen": ""}, "allow_half_open", False),
        ({"noDelay": float("nan")}, "no_delay", False),
        ({"keepAlive": True}, "keep_alive", True),
        ({"keepAliveInitialDelay": -1}, "keep_alive_initial_delay", -0.001),
        ({"keepAliveInitialDelay": float("nan")}, "keep_alive_initial_delay", 0.0),
        ({"highWaterMark": 0}, "high_water_mark", 0),
        ({"highWaterMark": 16.0}, "high_water_mark", 16),
        ({"minVersion": "TLSv1"}, "min_version", "TLSv1"),
        ({"maxVersion": ssl.TLSVersion.TLSv1_2}, "max_version", "TLSv1.2"),
        ({"minVersion": ssl.TLSVersion.MINIMUM_SUPPORTED}, "min_version", "TLSv1"),
        ({"maxVersion": ssl.TLSVersion.MAXIMUM_SUPPORTED}, "max_version", "TLSv1.3"),
        ({"secureProtocol": "TLSv1_2_client_method"}, "secure_protocol", "TLSv1_2_client_method"),
        ({"secureProtocol": ""}, "secure_protocol", None),
        ({"secureOptions": int(ssl.OP_NO_TICKET)}, "secure_options", int(ssl.OP_NO_TICKET)),
        ({"secureOptions": ssl.OP_NO_TICKET}, "secure_options", int(ssl.OP_NO_TICKET)),
        ({"ciphers": ""}, "ciphers", None),
        ({"ciphers": "HIGH"}, "ciphers", "HIGH"),
        ({"ecdhCurve": "auto"}, "ecdh_curve", None),
        ({"ecdhCurve": "X25519"}, "ecdh_curve", "X25519"),
        ({"ALPNProtocols": []}, "alpn_protocols", ()),
        ({"ALPNProtocols": ["h2", "http/1.1"]}, "alpn_protocols", (b"h2", b"http/1.1")),
        ({"ALPNProtocols": b"\x02h2\x08http/1.1"}, "alpn_protocols", (b"h2", b"http/1.1")),
        ({"ALPNProtocols": bytearray(b"\x02h2")}, "alpn_protocols", (b"h2",)),
        ({"minDHSize": 2048}, "min_dh_size", 2048),
        ({"servername": ""}, "servername", ""),
        ({"servername": "a.example."}, "servername", "a.example."),
        ({"session": ""}, "session", None),
        ({"session": False}, "session", None),
        ({"requestOCSP": False}, "request_ocsp", False),
        ({"certificateCompression": []}, "certificate_compression", ()),
        ({"dhparam": "auto"}, "dhparam", b"auto"),
        ({"dhparam": b"garbage"}, "dhparam", b"garbage"),
        ({"honorCipherOrder": True}, "honor_cipher_order", True),
        ({"sessionIdContext": "x"}, "session_id_context", "x"),
        ({"ticketKeys": bytes(48)}, "ticket_keys", bytes(48)),
        ({"allowPartialTrustChain": 1}, "allow_partial_trust_chain", True),
        ({"enableTrace": True}, "enable_trace", True),
        ({"checkServerIdentity": len}, "check_server_identity", len),
        ({"lookup": len}, "lookup", len),
        ({"objectMode": False, "blockList": 0}, "port", 443),
    ],
)
def test_accepted(options: dict[str, Any], name: str, value: object) -> None:
    assert getattr(from_node(**options), name) == value


DH_1024 = """-----BEGIN DH PARAMETERS-----
MIGHAoGBAP//////////yQ/aoiFowjTExmKLgNwc0SkCTgiKZ8x0Agu+pjsTmyJR
Sgh5jjQE3e+VGbPNOkMbMCsKbfJfFDdP4TVtbVHCReSFtXZiXn7G9ExC6aY37WsL
/1y29Aa37e44a/taiZ+lrp8kEXxLH+ZJKGZR7OZTgf//////////AgEC
-----END DH PARAMETERS-----
"""


def test_dh_parameters_of_1024_bits_are_enough() -> None:
    assert from_node(dhparam=DH_1024).dhparam == DH_1024.encode()
    broken = DH_1024.replace("MIGH", "MI!H")
    assert from_node(dhparam=broken).dhparam == broken.encode()
    empty = "-----BEGIN DH PARAMETERS-----\nMAA=\n-----END DH PARAMETERS-----"
    assert from_node(dhparam=empty).dhparam == empty.encode()


def test_onread() -> None:
    def taken(count: int, data: object) -> None: ...

    buffer = bytearray(10)
    view = memoryview(buffer)
    for good in (buffer, view, bytearray):
        given_value = {"buffer": good, "callback": taken}
        assert from_node(onread=given_value).onread == OnRead(good, taken)
        assert read(1, onread=given_value).onread == OnRead(good, taken)
    for bad in (memoryview(b"read-only"), bytearray(), b"bytes", None):
        assert complaint({"port": 1, "onread": {"buffer": bad, "callback": taken}}).code == TYPE


def test_carriers() -> None:
    reader, writer, duplex = Reader(), Writer(), Duplex()
    with socket.socket() as plain:
        assert from_node(socket=plain).socket is plain
        assert read(socket=plain).port is None  # no port is needed
    assert read(socket=(reader, writer)).socket == (reader, writer)
    assert read(socket=duplex).socket is duplex
    for bad in ("x", (), (reader,), (writer, reader), reader):
        assert complaint(socket=bad).code == TYPE


def test_contexts() -> None:
    ready = ReadySecureContext()
    options = from_node(secureContext=ready, ciphers=5, ca=5)  # not looked at, as in Node
    assert options == ConnectOptions(port=443, secure_context=ready)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    assert read(1, context=context).context is context
    for second in ({"ca": PEM}, {"secure_context": ready}, {"min_version": "TLSv1.2"}):
        error = complaint(1, context=context, **second)
        assert (error.code, f'"{next(iter(second))}"' in str(error)) == (VALUE, True)
    assert complaint(1, context="x").code == TYPE
    assert complaint(1, secure_context=context).code == "ERR_TLS_INVALID_CONTEXT"


def test_odd_versions_are_shown_somehow() -> None:
    endless: list[Any] = []
    endless.append(endless)
    for odd in (endless, object(), {1, 2}):
        error = complaint(443, min_version=odd)
        assert error.code == VERSION
        assert str(error).endswith("is not a valid minimum TLS protocol version")


# --- What cannot be done --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "name", "remedy"),
    [
        ({"signal": object()}, "signal", "cancel the task"),
        ({"requestOCSP": True}, "requestOCSP", "crl="),
        ({"certificateCompression": ["zlib"]}, "certificateCompression", "leave it out"),
        ({"clientCertEngine": "e"}, "clientCertEngine", "key="),
        ({"privateKeyIdentifier": "x", "privateKeyEngine": "e"}, "privateKeyIdentifier", "key="),
        ({"privateKeyEngine": "e"}, "privateKeyEngine", "leave it out"),
        ({"objectMode": True}, "objectMode", "leave it out"),
        ({"blockList": object()}, "blockList", "leave it out"),
    ],
)
def test_refused(options: dict[str, Any], name: str, remedy: str) -> None:
    error = complaint({"port": 443} | options)
    assert isinstance(error, UnsupportedOptionError)
    assert error.code == "ERR_UNSUPPORTED_OPTION"
    assert str(error).startswith(f'The "{name}" option is not supported: ')
    assert remedy in str(error)


@pytest.mark.parametrize(
    ("option", "value", "attribute", "needs"),
    [
        ("pskCallback", len, "set_psk_client_callback", "3.13"),
        ("sigalgs", "RSA+SHA256", "set_server_sigalgs", "3.15"),
        ("ecdhCurve", "X25519:P-256", "set_groups", "3.15"),
    ],
)
def test_what_newer_pythons_can(
    option: str, value: object, attribute: str, needs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssl, "SSLContext", type("NewContext", (), {attribute: len}))
    assert value in dataclasses.astuple(from_node(**{option: value}))
    monkeypatch.setattr(ssl, "SSLContext", type("OldContext", (), {}))
    error = complaint({"port": 443, option: value})
    assert isinstance(error, UnsupportedOptionError)
    assert needs in str(error)


def test_one_switch_refuses_an_option(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = tuple(
        dataclasses.replace(row, supported=False, remedy="wait.") if row.python == "onread" else row
        for row in OPTIONS
    )
    monkeypatch.setattr(module, "OPTIONS", rows)
    good: Mapping[str, object] = {"buffer": bytearray(1), "callback": len}
    error = complaint(443, onread=good)
    assert isinstance(error, UnsupportedOptionError)
    assert str(error) == 'The "onread" option is not supported: wait.'
    assert complaint(443, onread=5).code == TYPE  # its own checks come first
    assert read(443, onread=None) == ConnectOptions(port=443)


def test_node_tls_reject_unauthorized_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NODE_TLS_REJECT_UNAUTHORIZED", "0")
    assert read(443).reject_unauthorized is True
    assert os.environ["NODE_TLS_REJECT_UNAUTHORIZED"] == "0"


# --- Anything at all ------------------------------------------------------------------------------

ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.binary(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=2)
    ),
    max_leaves=5,
)


def refusal(*args: object, **keywords: object) -> OptionsError | None:
    try:
        read(*args, **keywords)
    except OptionsError as error:
        return error
    return None


@given(st.sampled_from(OPTIONS), ANYTHING)
def test_any_value_is_taken_or_refused_cleanly(row: Option, value: object) -> None:
    for error in (
        refusal({"port": 1} | {row.node: value}),
        refusal(**({"port": 1} | {row.python: value})),
    ):
        assert error is None or (str(error) and error.hint and error.phase == "options")


@given(st.lists(ANYTHING, max_size=5))
def test_any_arguments_are_taken_or_refused_cleanly(args: list[object]) -> None:
    error = refusal(*args)
    assert error is None or str(error)
