"""The exception tree, the tables of codes, and the translation of foreign errors.

Errors of `ssl` are real ones wherever it takes no server: alerts are fed to a client in memory.
"""

import contextlib
import copy
import errno
import pickle
import re
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tlsevents import errors
from tlsevents.codes import ALERTS, CODES, NEGOTIATION_HINT, VERDICTS
from tlsevents.errors import (
    CertificateError,
    NegotiationError,
    NetworkError,
    OptionsError,
    OptionTypeError,
    StreamError,
    TLSEventsError,
    UnsupportedOptionError,
    aggregate_error,
    altname_error,
    content_error,
    disconnected_error,
    file_error,
    handshake_timeout_error,
    lookup_error,
    option_range_error,
    option_type_error,
    option_value_error,
    options_error,
    received,
    stream_error,
    translate_os_error,
    translate_ssl_error,
    unsupported_option,
    verify_error,
)

ATTRIBUTES = [
    "code",
    "phase",
    "hint",
    "alert",
    "errno",
    "syscall",
    "address",
    "port",
    "host",
    "hostname",
    "path",
    "local_address",
    "library",
    "reason",
    "cert",
    "verify_code",
]


def refused(address: str = "127.0.0.1", port: int = 443) -> NetworkError:
    system = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
    return translate_os_error(
        system, syscall="connect", phase="connect", address=address, port=port
    )


# Every builder once: the error, its text, and what it must also be an instance of.
BUILT: list[tuple[TLSEventsError, str, tuple[type[BaseException], ...]]] = [
    (
        verify_error(10, chain=[b"leaf", b"root"]),
        "certificate has expired",
        (CertificateError, ssl.SSLCertVerificationError, ssl.SSLError, OSError, ValueError),
    ),
    (
        altname_error("Host: a. is not cert's CN: b", "a", {"raw": b"x"}, chain=[b"x"]),
        "Hostname/IP does not match certificate's altnames: Host: a. is not cert's CN: b",
        (CertificateError, ssl.SSLCertVerificationError),
    ),
    (
        translate_ssl_error(
            ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1000)"),
            phase="handshake",
        ),
        "error:SSL routines:wrong version number",
        (NegotiationError, ssl.SSLError, OSError),
    ),
    (refused(), "connect ECONNREFUSED 127.0.0.1:443", (NetworkError, ConnectionRefusedError)),
    (
        lookup_error(socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "no.test"),
        "getaddrinfo ENOTFOUND no.test",
        (NetworkError, socket.gaierror, OSError),
    ),
    (
        aggregate_error([refused("::1"), refused()]),
        "all 2 connection attempts failed: connect ECONNREFUSED ::1:443; "
        "connect ECONNREFUSED 127.0.0.1:443",
        (NetworkError, ConnectionRefusedError),
    ),
    (
        disconnected_error(host="h", port=1, path=None, local_address=None),
        "Client network socket disconnected before secure TLS connection was established",
        (NetworkError, ConnectionResetError),
    ),
    (
        handshake_timeout_error(2.5),
        "TLS handshake timeout: not secure after 2.5 seconds",
        (NetworkError, TimeoutError),
    ),
    (
        option_type_error("options.host", "string", 5),
        'The "options.host" property must be of type string. Received type number (5)',
        (OptionTypeError, OptionsError, TypeError, ValueError),
    ),
    (
        option_value_error("protocols[0]", "", "must be a non-empty string"),
        "The argument 'protocols[0]' must be a non-empty string. Received ''",
        (OptionsError, ValueError),
    ),
    (
        option_range_error("options.minDHSize", ">= 1", 0),
        'The value of "options.minDHSize" is out of range. It must be >= 1. Received 0',
        (OptionsError, ValueError),
    ),
    (
        options_error("ERR_TLS_INVALID_CONTEXT"),
        "context must be a SecureContext",
        (OptionsError,),
    ),
    (
        unsupported_option("signal", "cancel the task instead."),
        'The "signal" option is not supported: cancel the task instead.',
        (UnsupportedOptionError, OptionsError, NotImplementedError),
    ),
    (
        file_error(FileNotFoundError(errno.ENOENT, "No such file"), Path("/no/ca.pem")),
        "open ENOENT /no/ca.pem",
        (OptionsError, FileNotFoundError, ValueError),
    ),
    (
        file_error(PermissionError(errno.EACCES, "Permission denied"), "/key.pem"),
        "open EACCES /key.pem",
        (OptionsError, PermissionError),
    ),
    (
        content_error(ssl.SSLError("No cipher can be selected."), name="ciphers"),
        "error:SSL routines:no cipher match",
        (OptionsError,),
    ),
    (stream_error("ERR_STREAM_WRITE_AFTER_END"), "write after end", (StreamError,)),
]
IDS = [f"{number}-{error.code}" for number, (error, _, _) in enumerate(BUILT)]
ERRORS = [pytest.param(error, id=name) for (error, _, _), name in zip(BUILT, IDS, strict=True)]


@pytest.mark.parametrize(("error", "text", "classes"), BUILT, ids=IDS)
def test_text_and_classes(
    error: TLSEventsError, text: str, classes: tuple[type[BaseException], ...]
) -> None:
    assert str(error) == error.message == text
    assert isinstance(error, TLSEventsError)
    for each in classes:
        assert isinstance(error, each)


@pytest.mark.parametrize("error", ERRORS)
def test_every_attribute_is_there(error: TLSEventsError) -> None:
    for name in ATTRIBUTES:
        assert hasattr(error, name), name
    assert isinstance(error.errors, tuple)
    assert isinstance(error.chain, tuple)
    assert isinstance(error.temporary, bool)
    assert error.hint
    assert error.phase
    assert repr(error).startswith(type(error).__name__ + "(")


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize(
    "duplicate",
    [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))],
    ids=["copy", "deepcopy", "pickle"],
)
def test_duplicates_are_complete(
    error: TLSEventsError, duplicate: Callable[[TLSEventsError], TLSEventsError]
) -> None:
    again = duplicate(error)
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert again.args == error.args
    for name in (*ATTRIBUTES, "temporary", "chain"):
        assert getattr(again, name) == getattr(error, name), name
    assert [str(each) for each in again.errors] == [str(each) for each in error.errors]
    if isinstance(error, OSError):
        assert isinstance(again, OSError)
        assert again.strerror == error.strerror
        assert again.filename == error.filename


def test_pickles_keep_what_was_added() -> None:
    error = refused()
    error.add_note("while fetching")
    assert pickle.loads(pickle.dumps(error)).__notes__ == ["while fetching"]


class LocalError(NetworkError):
    """A user's own subclass, with arguments of its own."""

    def __init__(self, number: int) -> None:
        super().__init__(f"number {number}", code="ECONNRESET")


def test_subclasses_of_users_work() -> None:
    error = LocalError(5)
    assert type(error) is LocalError
    assert str(error) == "number 5"
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is LocalError
    assert (str(again), again.code) == ("number 5", "ECONNRESET")


def test_text_is_never_empty() -> None:
    assert str(TLSEventsError()) == "TLSEventsError"
    assert str(NetworkError("", code="ESOMETHING")) == "ESOMETHING"
    assert str(NetworkError(code="ECONNRESET")) == "read ECONNRESET"


def test_defaults_come_from_the_table_and_can_be_overridden() -> None:
    assert refused().hint == CODES["ECONNREFUSED"].hint
    assert refused().temporary is True
    error = NetworkError("x", code="ECONNREFUSED", hint="call us", temporary=False)
    assert (error.hint, error.temporary) == ("call us", False)
    unknown = TLSEventsError("x", code="MY_CODE")
    assert (unknown.hint, unknown.temporary, unknown.phase) == (None, False, None)


def test_unknown_properties_are_refused() -> None:
    with pytest.raises(TypeError, match="adress"):
        NetworkError("x", adress="typo")  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("code", "builtin"),
    [
        ("ECONNREFUSED", ConnectionRefusedError),
        ("ECONNRESET", ConnectionResetError),
        ("ECONNABORTED", ConnectionAbortedError),
        ("EPIPE", BrokenPipeError),
        ("ETIMEDOUT", TimeoutError),
        ("ERR_TLS_HANDSHAKE_TIMEOUT", TimeoutError),
        ("ENOENT", FileNotFoundError),
        ("EACCES", PermissionError),
        ("ENOTFOUND", socket.gaierror),
        ("EAI_AGAIN", socket.gaierror),
        ("EHOSTUNREACH", OSError),
        ("UNKNOWN", OSError),
    ],
)
def test_network_errors_are_the_builtin_ones_too(code: str, builtin: type[OSError]) -> None:
    error = NetworkError("text", code=code)
    assert isinstance(error, builtin)
    assert type(error).__name__ == "NetworkError"
    assert type(NetworkError("text", code=code)) is type(error)
    with contextlib.suppress(builtin):
        raise error


def test_system_errors_have_errno_strerror_and_args() -> None:
    error = refused()
    assert error.errno == errno.ECONNREFUSED
    assert error.strerror == "Connection refused"
    assert error.args == (errno.ECONNREFUSED, "Connection refused")
    unreadable = file_error(FileNotFoundError(errno.ENOENT, "No such file"), "/no")
    assert isinstance(unreadable, OSError)
    assert (unreadable.errno, unreadable.filename, unreadable.path) == (errno.ENOENT, "/no", "/no")
    assert (unreadable.syscall, unreadable.phase) == ("open", "options")


def test_tls_errors_look_like_those_of_ssl() -> None:
    error = verify_error(18)
    assert error.args == (ssl.SSL_ERROR_SSL, "self-signed certificate")
    assert error.strerror == "self-signed certificate"
    assert (error.verify_code, error.verify_message) == (18, "self-signed certificate")
    assert error.errno is None  # it would be OpenSSL's number, which reads as EPERM


# --- The tables -----------------------------------------------------------------------------------


@pytest.mark.parametrize("code", CODES)
def test_every_row_can_be_raised_and_advises(code: str) -> None:
    row = CODES[code]
    cls: dict[str, type[TLSEventsError]] = {
        "certificate": CertificateError,
        "negotiation": NegotiationError,
        "network": NetworkError,
        "options": OptionsError,
        "stream": StreamError,
    }
    error = cls[row.category](code=code)
    assert isinstance(error, cls[row.category])
    assert str(error)
    assert error.temporary is row.temporary
    assert error.hint == row.hint
    assert row.hint.endswith((".", "?"))
    assert "{" not in row.hint
    # The one dangerous switch is never a remedy.
    assert row.hint.count("reject_unauthorized=False") == row.hint.count("diagnosis only")


def test_codes_of_the_package_are_rows() -> None:
    """Every code that is written anywhere in the package has a row, or follows a rule."""
    package = Path(errors.__file__).parent
    written = {
        code
        for file in package.rglob("*.py")
        for code in re.findall(r'"(ERR_[A-Z0-9_/]*[A-Z0-9])"', file.read_text("utf-8"))
    }
    computed = {code for code in written if code.startswith("ERR_SSL_")}
    assert written - computed - CODES.keys() == set()


def test_verdicts_are_the_numbers_1_to_95() -> None:
    assert list(VERDICTS) == list(range(1, 96))
    named = {code for code, _ in VERDICTS.values()}
    assert named <= CODES.keys()
    assert len(named) == 29  # 28 that Node names, and UNSPECIFIED


@pytest.mark.parametrize(
    ("number", "code", "message"),
    [
        (2, "UNABLE_TO_GET_ISSUER_CERT", "unable to get issuer certificate"),
        (10, "CERT_HAS_EXPIRED", "certificate has expired"),
        (18, "DEPTH_ZERO_SELF_SIGNED_CERT", "self-signed certificate"),
        (21, "UNABLE_TO_VERIFY_LEAF_SIGNATURE", "unable to verify the first certificate"),
        (24, "UNSPECIFIED", "issuer certificate doesn't have a public key"),
        (62, "HOSTNAME_MISMATCH", "hostname mismatch"),
        (66, "UNSPECIFIED", "EE certificate key too weak"),
        (95, "UNSPECIFIED", "Raw public key untrusted, no trusted keys configured"),
        (96, "UNSPECIFIED", "unknown certificate verification error"),
        (1000, "UNSPECIFIED", "unknown certificate verification error"),
    ],
)
def test_verdicts(number: int, code: str, message: str) -> None:
    cause = ssl.SSLCertVerificationError(1, "x")
    error = verify_error(number, chain=[b"a"], cause=cause)
    assert (error.code, str(error), error.verify_code) == (code, message, number)
    assert (error.phase, error.chain, error.__cause__) == ("verify", (b"a",), cause)
    assert error.temporary is False


def test_the_root_ca_hint_of_node_has_an_equivalent() -> None:
    for number in (2, 18, 21):
        assert "ca='system'" in (verify_error(number).hint or "")


def test_altname_error() -> None:
    error = altname_error("why", "host.test", {"subject": {}}, chain=[b"der"])
    assert (error.reason, error.host, error.cert) == ("why", "host.test", {"subject": {}})
    assert (error.code, error.phase) == ("ERR_TLS_CERT_ALTNAME_INVALID", "verify")
    assert error.chain == (b"der",)


# --- Errors of ssl --------------------------------------------------------------------------------


def alert(number: int) -> ssl.SSLError:
    """What a client raises that gets this fatal alert for its ClientHello."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    incoming.write(bytes([0x15, 3, 3, 0, 2, 2, number]))
    with pytest.raises(ssl.SSLError) as caught:
        client.do_handshake()
    return caught.value


@pytest.mark.parametrize("number", range(256))
def test_every_alert(number: int) -> None:
    cause = alert(number)
    error = translate_ssl_error(cause, phase="handshake", alert_number=number)
    assert isinstance(error, NegotiationError)
    assert error.__cause__ is cause
    assert str(error).endswith(f":SSL alert number {number}")
    assert error.library == "SSL routines"
    assert error.alert
    if number in ALERTS:
        name, reason = ALERTS[number]
        assert (error.code, error.alert) == (f"ERR_SSL_{reason}", name)
        assert error.reason == reason.lower().replace("_", " ")
        # The number is a help, never a need, where OpenSSL knows the alert.
        alone = translate_ssl_error(cause, phase="handshake")
        assert (alone.code, alone.alert, str(alone)) == (error.code, name, str(error))
    else:
        assert error.code == "ERR_SSL_UNKNOWN_ALERT_TYPE"


@pytest.mark.parametrize(
    ("number", "code", "name"),
    [
        (40, "ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE", "handshake_failure"),
        (48, "ERR_SSL_TLSV1_ALERT_UNKNOWN_CA", "unknown_ca"),
        (90, "ERR_SSL_TLSV1_ALERT_USER_CANCELLED", "user_canceled"),
        (112, "ERR_SSL_TLSV1_UNRECOGNIZED_NAME", "unrecognized_name"),
        (115, "ERR_SSL_TLSV1_ALERT_UNKNOWN_PSK_IDENTITY", "unknown_psk_identity"),
        (116, "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED", "certificate_required"),
        (120, "ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL", "no_application_protocol"),
        (121, "ERR_SSL_UNKNOWN_ALERT_TYPE", "ech_required"),
        (200, "ERR_SSL_UNKNOWN_ALERT_TYPE", "unknown_200"),
    ],
)
def test_alerts_by_name(number: int, code: str, name: str) -> None:
    error = translate_ssl_error(alert(number), phase="handshake", alert_number=number)
    assert (error.code, error.alert) == (code, name)


def ssl_error(text: str, library: str | None = None, reason: str | None = None) -> ssl.SSLError:
    """An error as some version of CPython makes it."""
    error = ssl.SSLError(1, f"{text} (_ssl.c:1006)")
    error.library, error.reason = library, reason  # type: ignore[assignment]
    return error


@pytest.mark.parametrize(
    ("cause", "code", "reason"),
    [
        pytest.param(
            ssl_error("[SSL: SSLV3_ALERT_HANDSHAKE_FAILURE] ssl/tls alert handshake failure"),
            "ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE",
            "ssl/tls alert handshake failure",
            id="OpenSSL 3.2 and newer, reason in the text alone",
        ),
        pytest.param(
            ssl_error("[SSL] ssl/tls alert handshake failure", "SSL"),
            "ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE",
            "ssl/tls alert handshake failure",
            id="no reason, new text",
        ),
        pytest.param(
            ssl_error("[SSL] tlsv13 alert certificate required", "SSL"),
            "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED",
            "tlsv13 alert certificate required",
            id="no reason, text",
        ),
        pytest.param(
            ssl_error("tlsv13 alert certificate required"),
            "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED",
            "tlsv13 alert certificate required",
            id="bare text",
        ),
        pytest.param(
            ssl_error("...", "SSL", "PACKET_LENGTH_TOO_LONG"),
            "ERR_SSL_DATA_LENGTH_TOO_LONG",
            "data length too long",
            id="renamed in OpenSSL 3.2",
        ),
        pytest.param(
            ssl_error("[SSL] unknown error", "SSL"),
            "ERR_SSL_UNKNOWN_ERROR",
            "unknown error",
            id="nothing known",
        ),
        pytest.param(ssl.SSLError(), "ERR_SSL_UNKNOWN_ERROR", "unknown error", id="no arguments"),
        pytest.param(
            ssl.SSLEOFError(8, "EOF occurred in violation of protocol (_ssl.c:1006)"),
            "ERR_SSL_UNEXPECTED_EOF_WHILE_READING",
            "unexpected eof while reading",
            id="EOF",
        ),
    ],
)
def test_reasons(cause: ssl.SSLError, code: str, reason: str) -> None:
    error = translate_ssl_error(cause, phase="handshake")
    assert (error.code, error.reason, error.phase) == (code, reason, "handshake")
    assert str(error).startswith(f"error:SSL routines:{reason}")
    assert error.hint


def test_plaintext_after_the_handshake_depends_on_the_version() -> None:
    cause = ssl_error("...", "SSL", "WRONG_VERSION_NUMBER")
    codes = {
        (phase, protocol): translate_ssl_error(cause, phase=phase, protocol=protocol).code
        for phase in ("handshake", "open")
        for protocol in ("TLSv1.2", "TLSv1.3")
    }
    assert codes.pop(("open", "TLSv1.3")) == "ERR_SSL_BAD_RECORD_TYPE"
    assert set(codes.values()) == {"ERR_SSL_WRONG_VERSION_NUMBER"}


def test_reasons_without_a_row_are_computed() -> None:
    error = translate_ssl_error(ssl_error("...", "SSL", "LENGTH_MISMATCH"), phase="open")
    assert (error.code, error.hint) == ("ERR_SSL_LENGTH_MISMATCH", NEGOTIATION_HINT)


def test_a_refused_certificate_is_a_certificate_error() -> None:
    cause = ssl.SSLCertVerificationError(1, "certificate verify failed")
    cause.verify_code = 20
    error = translate_ssl_error(cause, phase="handshake")
    assert isinstance(error, CertificateError)
    assert error.code == "UNABLE_TO_GET_ISSUER_CERT_LOCALLY"
    assert error.__cause__ is cause


def failure(action: Callable[[ssl.SSLContext], object]) -> ssl.SSLError:
    with pytest.raises(ssl.SSLError) as caught:
        action(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    return caught.value


def no_pem(context: ssl.SSLContext, folder: Path) -> None:
    file = folder / "key.pem"
    file.write_text("not a key")
    context.load_cert_chain(file)


def test_content_errors(tmp_path: Path) -> None:
    """What `ssl` says about content, each a real error of this Python."""
    found = [
        content_error(failure(lambda context: context.set_ciphers("BOGUS"))),
        content_error(failure(lambda context: context.load_verify_locations(cadata="x"))),
        content_error(failure(lambda context: context.load_verify_locations(cadata=b"x"))),
        content_error(failure(lambda context: no_pem(context, tmp_path)), name="key"),
    ]
    assert [(error.code, error.library) for error in found] == [
        ("ERR_SSL_NO_CIPHER_MATCH", "SSL routines"),
        ("ERR_OSSL_PEM_NO_START_LINE", "PEM routines"),
        ("ERR_OSSL_ASN1_NOT_ENOUGH_DATA", "asn1 encoding routines"),
        ("ERR_OSSL_PEM_PEM_LIB", "PEM routines"),
    ]
    assert all(error.phase == "options" and error.hint for error in found)
    assert str(found[3].hint).startswith("Look at key. ")
    mismatch = content_error(ssl_error("...", "X509", "KEY_VALUES_MISMATCH"))
    assert mismatch.code == "ERR_OSSL_X509_KEY_VALUES_MISMATCH"
    assert str(mismatch) == "error:x509 certificate routines:key values mismatch"


# --- Errors of the system -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("exc", "details", "text", "code", "number"),
    [
        (
            OSError(errno.EHOSTUNREACH, "No route"),
            {"address": "::1", "port": 443},
            "connect EHOSTUNREACH ::1:443",
            "EHOSTUNREACH",
            errno.EHOSTUNREACH,
        ),
        (
            ConnectionRefusedError(errno.ECONNREFUSED, "x"),
            {"address": "127.0.0.1", "port": 0},
            "connect ECONNREFUSED 127.0.0.1",
            "ECONNREFUSED",
            errno.ECONNREFUSED,
        ),
        (
            OSError(errno.ENETUNREACH, "x"),
            {"address": "192.0.2.1", "port": 1, "local": ("0.0.0.0", 0)},
            "connect ENETUNREACH 192.0.2.1:1 - Local (0.0.0.0:0)",
            "ENETUNREACH",
            errno.ENETUNREACH,
        ),
        (
            FileNotFoundError(errno.ENOENT, "x"),
            {"path": "/run/no"},
            "connect ENOENT /run/no",
            "ENOENT",
            errno.ENOENT,
        ),
        (ConnectionResetError("Connection lost"), {}, "connect ECONNRESET", "ECONNRESET", 104),
        (TimeoutError(), {}, "connect ETIMEDOUT", "ETIMEDOUT", errno.ETIMEDOUT),
        (OSError("odd"), {}, "connect UNKNOWN", "UNKNOWN", None),
    ],
)
def test_system_errors(
    exc: OSError, details: dict[str, Any], text: str, code: str, number: int | None
) -> None:
    error = translate_os_error(exc, syscall="connect", phase="connect", **details)
    if code == "ECONNRESET":
        number = errno.ECONNRESET
    assert (str(error), error.code, error.errno, error.syscall) == (text, code, number, "connect")
    assert error.address == details.get("path", details.get("address"))
    assert error.port == (details.get("port") or None)
    assert error.__cause__ is exc


def test_a_really_refused_connection() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with socket.socket() as client, pytest.raises(ConnectionRefusedError) as caught:
        client.connect(("127.0.0.1", port))
    error = translate_os_error(
        caught.value, syscall="connect", phase="connect", address="127.0.0.1", port=port
    )
    assert isinstance(error, ConnectionRefusedError)
    assert str(error) == f"connect ECONNREFUSED 127.0.0.1:{port}"


def test_lookup_errors() -> None:
    with pytest.raises(socket.gaierror) as caught:  # a real one, without asking any server
        socket.getaddrinfo("no.test", None, flags=socket.AI_NUMERICHOST)
    error = lookup_error(caught.value, "no.test")
    assert (error.code, error.errno) == ("ENOTFOUND", caught.value.errno)
    assert (error.syscall, error.hostname, error.phase) == ("getaddrinfo", "no.test", "lookup")
    assert error.temporary is False
    again = lookup_error(socket.gaierror(socket.EAI_AGAIN, "try again"), "a.test")
    assert (str(again), again.temporary) == ("getaddrinfo EAI_AGAIN a.test", True)
    odd = lookup_error(socket.gaierror("no number"), "a.test")
    assert (odd.code, odd.errno) == ("EAI_FAIL", None)


def test_aggregate_errors() -> None:
    attempts = [refused("::1"), refused("127.0.0.1")]
    error = aggregate_error(attempts)
    assert error.errors == tuple(attempts)
    assert (error.code, error.errno, error.temporary) == ("ECONNREFUSED", errno.ECONNREFUSED, True)
    assert error.__cause__ is attempts[0]
    foreign = aggregate_error([RuntimeError()])
    assert str(foreign) == "all 1 connection attempts failed: RuntimeError"
    assert foreign.code is None
    with pytest.raises(ValueError, match="at least one"):
        aggregate_error([])


def test_disconnected_error_tells_where() -> None:
    error = disconnected_error(host="h", port=443, path=None, local_address="127.0.0.1")
    assert (error.host, error.port, error.path, error.local_address) == (
        "h",
        443,
        None,
        "127.0.0.1",
    )
    assert (error.code, error.errno, error.phase) == ("ECONNRESET", None, "handshake")


@pytest.mark.parametrize(
    ("code", "text", "number", "syscall"),
    [
        ("EPIPE", "This socket has been ended by the other party", None, None),
        ("EBADF", "write EBADF", errno.EBADF, "write"),
        (
            "ECANCELED",
            "write ECANCELED Canceled because of SSL destruction",
            errno.ECANCELED,
            "write",
        ),
        ("ERR_STREAM_DESTROYED", "Cannot call write after a stream was destroyed", None, None),
        ("ERR_STREAM_NULL_VALUES", "May not write null values to stream", None, None),
    ],
)
def test_stream_errors(code: str, text: str, number: int | None, syscall: str | None) -> None:
    error = stream_error(code)
    assert type(error) is StreamError
    assert (str(error), error.errno, error.syscall) == (text, number, syscall)
    assert str(stream_error(code, "other words")) == "other words"


# --- Node's way to show values --------------------------------------------------------------------


class Map:
    pass


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "type boolean (true)"),
        (5, "type number (5)"),
        (1.5, "type number (1.5)"),
        (5.0, "type number (5)"),
        (float("nan"), "type number (NaN)"),
        (float("-inf"), "type number (-Infinity)"),
        ("x", "type string ('x')"),
        ("it's", 'type string ("it\'s")'),
        ("a\0b", "type string ('a\\x00b')"),
        ("abcdefghijklmnopqrstuvwxyz0123456789", "type string ('abcdefghijklmnopqrstuvwxy...')"),
        ({}, "an instance of Object"),
        ([], "an instance of Array"),
        ((), "an instance of Array"),
        (b"x", "an instance of Buffer"),
        (Map(), "an instance of Map"),
        (len, "function len"),
    ],
)
def test_received(value: object, text: str) -> None:
    assert received(value) == f"Received {text}"


@pytest.mark.parametrize("secret", ["hunter2", 4711, b"my hunter2", ["hunter2"], {"a": "hunter2"}])
def test_secrets_are_not_shown(secret: object) -> None:
    shown = [
        str(option_type_error("options.key", "string", secret, secret=True)),
        str(option_value_error("options.key", secret, secret=True)),
        received(secret, secret=True),
    ]
    assert "hunter2" not in "".join(shown)
    assert "4711" not in "".join(shown)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (["", ""], "[ '', '' ]"),
        ([], "[]"),
        (b"\x05A", "<Buffer 05 41>"),
        (None, "null"),
        (False, "false"),
        ("x" * 200, "'" + "x" * 127 + "..."),
        (b"x" * 60, "<Buffer" + " 78" * 40 + " ..."),
    ],
)
def test_values_in_value_errors(value: object, text: str) -> None:
    error = option_value_error("options.x", value)
    assert str(error) == f"The property 'options.x' is invalid. Received {text}"
