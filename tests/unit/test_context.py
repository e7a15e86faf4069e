"""Secure contexts, from options to handshakes: `context`, `trust`, `credentials`, `offer`.

Whatever can be seen on a wire is tested by a handshake, of two `SSLObject`s in memory.
"""

from __future__ import annotations

import base64
import os
import re
import ssl
import stat
import subprocess
import sys
import tempfile
import threading
import time
import types
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests import pki
from tlsevents import context, credentials, errors, offer, trust
from tlsevents.context import SecureContext, create_secure_context, secure_context
from tlsevents.options import PemContent, read_options

EVERY_SUITE = "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256"
BEGIN = b"-----BEGIN CERTIFICATE-----\n"
END = b"-----END CERTIFICATE-----\n"


# --- Helpers --------------------------------------------------------------------------------------


def rows(*cases: Any) -> list[Any]:
    """Parameters whose ids are numbers: their texts are certificates, new ones for each run."""
    return [
        pytest.param(*(case if isinstance(case, tuple) else (case,)), id=str(number))
        for number, case in enumerate(cases)
    ]


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Settings of the process are as they were at its start, and nothing is cached."""
    monkeypatch.delenv("NODE_EXTRA_CA_CERTS", raising=False)
    monkeypatch.setattr(trust, "_replacement", None)
    for name in ("DEFAULT_MIN_VERSION", "DEFAULT_MAX_VERSION", "DEFAULT_CIPHERS"):
        monkeypatch.setattr(context, name, getattr(context, name))
    monkeypatch.setattr(context, "DEFAULT_ECDH_CURVE", context.DEFAULT_ECDH_CURVE)
    context._cache.clear()
    yield
    context._cache.clear()


def made(**keywords: object) -> SecureContext:
    return secure_context(read_options(None, keywords))


def client(
    *, verify: bool = True, check_hostname: bool = True, **keywords: object
) -> ssl.SSLContext:
    """A client's context; trusts root-a unless told otherwise."""
    keywords.setdefault("ca", pki.pem("root-a"))
    return made(**keywords).client_context(verify=verify, check_hostname=check_hostname)


def server(symbol: str = "leaf-ok", *, client_ca: str | None = None) -> ssl.SSLContext:
    """A server's context that refuses nothing on its own."""
    made_one = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made_one.set_ciphers("ALL:@SECLEVEL=0")
    made_one.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    made_one.load_cert_chain(pki.path(symbol))
    if client_ca is not None:
        made_one.verify_mode = ssl.CERT_REQUIRED
        made_one.load_verify_locations(pki.cert_path(client_ca))
    return made_one


def handshake(
    ours: ssl.SSLContext,
    theirs: ssl.SSLContext | None = None,
    *,
    name: str | None = "localhost",
) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    """Connect two contexts in memory; raises what the client's side raises, else the server's."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    one = ours.wrap_bio(to_client, to_server, server_hostname=name)
    other = (theirs or server()).wrap_bio(to_server, to_client, server_side=True)
    todo = [one, other]
    refusal: ssl.SSLError | None = None
    for _ in range(10):
        for side in list(todo):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLError as exc:
                if side is one:
                    raise
                refusal = exc  # the client goes first: it may fail with the alert
                todo.remove(side)
                continue
            todo.remove(side)
        if not todo:
            break
    if refusal is not None:
        raise refusal
    assert not todo, "the handshake does not end"
    return one, other


def verdict(ours: ssl.SSLContext, symbol: str = "leaf-ok", name: str | None = "localhost") -> int:
    """OpenSSL's verdict during a handshake with a server that presents `symbol`; 0 is good."""
    try:
        handshake(ours, server(symbol), name=name)
    except ssl.SSLCertVerificationError as exc:
        return exc.verify_code
    return 0


def failure(**keywords: object) -> errors.OptionsError:
    with pytest.raises(errors.OptionsError) as caught:
        made(**keywords)
    return caught.value


def trusted_block(symbol: str, uses: bytes) -> bytes:
    """A TRUSTED CERTIFICATE block: a certificate, then X509_CERT_AUX for serverAuth."""
    server_auth = bytes.fromhex("06082b06010505070301")
    aux = uses + bytes((len(server_auth),)) + server_auth
    content = pki.der(symbol) + b"\x30" + bytes((len(aux),)) + aux
    body = base64.encodebytes(content)
    return b"-----BEGIN TRUSTED CERTIFICATE-----\n" + body + b"-----END TRUSTED CERTIFICATE-----\n"


# --- The cache ------------------------------------------------------------------------------------


def test_equal_options_share_a_secure_context() -> None:
    ca = pki.pem("root-a")
    first = made(ca=ca, alpn_protocols=["h2"])
    assert made(ca=bytes(bytearray(ca)), alpn_protocols=["h2"], host="elsewhere") is first
    assert secure_context(read_options({"ca": ca, "ALPNProtocols": ["h2"]}, {})) is first
    assert len({first, made(ca=ca, alpn_protocols=["h2"])}) == 1


@pytest.mark.parametrize(
    "difference",
    rows(
        {"ca": None},
        {"ca": []},
        {"ca": pki.pem("root-b")},
        {"ca": pki.cert_path("root-a")},
        {"alpn_protocols": ["h2"]},
        {"ciphers": "HIGH"},
        {"min_version": "TLSv1.3"},
        {"max_version": "TLSv1.2"},
        {"secure_protocol": "TLSv1_2_method"},
        {"secure_options": ssl.OP_NO_TICKET},
        {"ecdh_curve": "P-256"},
        {"crl": pki.crl_pem("crl-root-a")},
        {"allow_partial_trust_chain": True},
        {"cert": pki.pem("client-ok")},
        {"cert": pki.pem("client-ok"), "key": pki.key_pem("client-ok")},
        {"pfx": pki.pfx("client-ok"), "passphrase": "sesame"},
    ),
)
def test_what_makes_a_difference_makes_another_context(difference: dict[str, Any]) -> None:
    base = made(ca=pki.pem("root-a"))
    other = made(**({"ca": pki.pem("root-a")} | difference))
    assert other is not base
    assert other != base
    assert made(**({"ca": pki.pem("root-a")} | difference)) is other


def test_contexts_are_kept_per_way_of_verifying() -> None:
    secure = made(ca=pki.pem("root-a"))
    ways = [(True, True), (True, False), (False, False)]
    assert not any(
        secure.client_context_ready(verify=verify, check_hostname=check) for verify, check in ways
    )
    found = [secure.client_context(verify=verify, check_hostname=check) for verify, check in ways]
    assert len({id(each) for each in found}) == 3
    assert [(each.verify_mode == ssl.CERT_REQUIRED, each.check_hostname) for each in found] == ways
    for (verify, check), each in zip(ways, found, strict=True):
        assert secure.client_context_ready(verify=verify, check_hostname=check)
        assert secure.client_context(verify=verify, check_hostname=check) is each
    # Names cannot be checked without verifying.
    assert secure.client_context(verify=False, check_hostname=True) is found[2]


def test_the_cache_is_bounded_and_drops_what_was_used_longest_ago() -> None:
    first = made(ca=[], alpn_protocols=["first"])
    second = made(ca=[], alpn_protocols=["second"])
    for number in range(context._CACHE_SIZE - 1):
        assert made(ca=[], alpn_protocols=["first"]) is first
        made(ca=[], alpn_protocols=[f"p{number}"])
    assert len(context._cache) == context._CACHE_SIZE
    assert made(ca=[], alpn_protocols=["first"]) is first
    assert made(ca=[], alpn_protocols=["second"]) is not second


def test_a_cached_context_costs_microseconds() -> None:
    bundle = "\n".join(trust.root_certificates())
    assert len(bundle) > 150_000
    given = read_options(
        None, {"ca": bundle, "cert": pki.pem("client-ok"), "key": pki.key_pem("client-ok")}
    )
    secure_context(given)
    best = min(_seconds(lambda: secure_context(given)) for _ in range(50))
    assert best < 100e-6  # 4e-6 on the machine this was written on


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def test_many_threads_get_one_context() -> None:
    start = threading.Barrier(8)
    ca, cert, key = pki.pem("root-a"), pki.pem("client-ok"), pki.key_pem("client-ok")

    def ask(_: int) -> tuple[object, object, object]:
        start.wait(10)
        secure = made(ca=ca, cert=cert, key=key)
        return secure, secure.client_context(verify=True, check_hostname=True), secure.verifier()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(8)))
    assert [len({id(answer[part]) for answer in answers}) for part in range(3)] == [1, 1, 1]
    ours = answers[0][1]
    assert isinstance(ours, ssl.SSLContext)
    handshake(ours)


def test_what_is_ready_is_found_while_another_thread_builds() -> None:
    secure: Any = made(ca=pki.pem("root-a"))
    ours, verifier = secure.client_context(verify=True, check_hostname=True), secure.verifier()
    with secure._lock:  # as a builder holds it
        assert secure.client_context(verify=True, check_hostname=True) is ours
        assert secure.verifier() is verifier


# --- What a context is like -----------------------------------------------------------------------


def test_defaults_are_nodes() -> None:
    ours = client()
    assert ours.minimum_version == ssl.TLSVersion.TLSv1_2
    assert ours.maximum_version == ssl.TLSVersion.TLSv1_3
    assert not ours.options & ssl.OP_IGNORE_UNEXPECTED_EOF
    assert ours.verify_flags == ssl.VERIFY_X509_TRUSTED_FIRST  # neither strict nor partial
    assert ours.hostname_checks_common_name
    assert not ours.post_handshake_auth
    assert ours.security_level == 2
    names = [suite["name"] for suite in ours.get_ciphers()]
    assert names[:5] == [
        "TLS_AES_256_GCM_SHA384",
        "TLS_CHACHA20_POLY1305_SHA256",
        "TLS_AES_128_GCM_SHA256",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES128-GCM-SHA256",
    ]
    assert not any("PSK" in name or "RC4" in name or "DES" in name for name in names)


def test_a_truncated_connection_can_be_told_from_a_closed_one() -> None:
    one, other = handshake(client())
    del other
    incoming = ssl.MemoryBIO()
    ours = client().wrap_bio(incoming, ssl.MemoryBIO(), server_hostname="localhost")
    incoming.write_eof()
    with pytest.raises(ssl.SSLEOFError):
        ours.do_handshake()
    assert one.version() == "TLSv1.3"


def test_without_verification_no_roots_are_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(trust.Trust, "load", load)
    ours = client(verify=False, check_hostname=False, ca=None)
    assert ours.verify_mode == ssl.CERT_NONE
    handshake(ours, server("leaf-self-expired"))


def test_a_keylog_file_gets_a_context_of_its_own(tmp_path: Path) -> None:
    secure = made(ca=pki.pem("root-a"))
    log = str(tmp_path / "keys")
    one = secure.client_context(verify=True, check_hostname=True, keylog_filename=log)
    assert not secure.client_context_ready(verify=True, check_hostname=True)
    assert secure.client_context(verify=True, check_hostname=True) is not one
    handshake(one)
    assert "CLIENT_TRAFFIC_SECRET_0" in Path(log).read_text(encoding="ascii")


# --- Trust ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ca", "expected"),
    rows(
        (pki.pem("root-a"), 0),
        (pki.pem("root-a").decode(), 0),
        (bytearray(pki.pem("root-a")), 0),
        (b"a comment\r\n" + pki.pem("root-a").replace(b"\n", b"\r\n"), 0),
        ([pki.pem("root-b"), pki.pem("root-a")], 0),
        (pki.pem("root-b") + pki.pem("root-a"), 0),
        ([b"garbage", pki.pem("root-a")], 0),
        ([BEGIN + b"AAAA\n" + END, pki.pem("root-a")], 0),
        (pki.pem("root-a") + BEGIN + b"AAAA\n" + END, 0),
        (pki.pem("root-a").replace(b" CERT", b" X509 CERT"), 0),
        (Path(pki.cert_path("root-a")), 0),
        ([pki.cert_path("root-b"), pki.cert_path("root-a")], 0),
        # Nothing, or nothing that counts: nothing is trusted.
        ([], 20),
        (b"garbage", 20),
        ([b""], 20),
        (pki.der("root-a"), 20),
        (BEGIN + b"AAAA\n" + END + pki.pem("root-a"), 20),
        (pki.pem("root-a")[:300], 20),
        (pki.pem("root-b"), 20),
        (pki.pem("leaf-ok"), 20),  # a leaf is no anchor
        (trusted_block("root-a", b"\x30"), 0),
        (trusted_block("root-a", b"\xa0"), 28),  # marked as rejected for servers
    ),
)
def test_ca_decides_who_is_trusted(ca: object, expected: int) -> None:
    assert verdict(client(ca=ca)) == expected


def test_anchors_are_what_can_be_read() -> None:
    broken = BEGIN + b"AAAA\n" + END
    secure = made(
        ca=[pki.pem("root-b") + broken + pki.pem("leaf-ok"), trusted_block("root-a", b"\x30"), b"x"]
    )
    assert list(secure.trusted_certificates()) == [pki.der("root-b"), pki.der("root-a")]
    assert secure.trusted_certificates() is secure.trusted_certificates()


def test_a_self_signed_certificate_in_ca_is_trusted_without_being_an_authority() -> None:
    assert verdict(client(ca=pki.pem("leaf-self")), "leaf-self") == 0
    assert verdict(client(), "leaf-self") == 18
    # Dates count nevertheless.
    assert verdict(client(ca=pki.pem("leaf-self-expired")), "leaf-self-expired") == 10


def test_an_intermediate_is_an_anchor_only_on_request() -> None:
    assert verdict(client(ca=pki.pem("inter-a")), "leaf-inter") == 2
    assert verdict(client(ca=pki.pem("inter-a"), allow_partial_trust_chain=True), "leaf-inter") == 0
    # It completes a chain when its root is there as well.
    assert verdict(client(ca=[pki.pem("inter-a"), pki.pem("root-a")]), "leaf-inter") == 0


def test_names_are_checked_on_request() -> None:
    assert verdict(client(), "leaf-wronghost") == 62
    assert verdict(client(check_hostname=False), "leaf-wronghost") == 0
    assert verdict(client(), "leaf-cnonly") == 0


def test_the_security_level_is_nodes() -> None:
    assert verdict(client(), "leaf-weak1024") == 66
    assert verdict(client(ciphers="DEFAULT:@SECLEVEL=0"), "leaf-weak1024") == 0
    assert client(ciphers="HIGH@SECLEVEL=1").security_level == 1
    made(ca=[], key=pki.key_pem("client-ok"), ciphers="HIGH@SECLEVEL=5")


@pytest.mark.parametrize(
    ("crl", "symbol", "expected"),
    rows(
        (pki.crl_pem("crl-root-a"), "leaf-revoked", 23),
        (pki.crl_pem("crl-root-a"), "leaf-ok", 0),
        (pki.crl_pem("crl-root-a").decode(), "leaf-revoked", 23),
        ([pki.crl_pem("crl-root-b"), pki.crl_pem("crl-root-a")], "leaf-revoked", 23),
        (Path(pki.crl_path("crl-root-a")), "leaf-revoked", 23),
        (pki.crl_pem("crl-root-b"), "leaf-ok", 3),  # none of its issuer
        (pki.crl_pem("crl-root-a-expired"), "leaf-ok", 12),
        (pki.crl_pem("crl-root-a"), "chain-inter", 3),  # the whole chain is looked at
        ([pki.crl_pem("crl-root-a"), pki.crl_pem("crl-inter-a")], "chain-inter", 0),
        ([], "leaf-revoked", 0),
    ),
)
def test_revocation_lists(crl: object, symbol: str, expected: int) -> None:
    assert verdict(client(crl=crl), symbol) == expected


@pytest.mark.parametrize("crl", rows(b"x", b"", "", [b""], pki.pem("root-a")))
def test_a_revocation_list_that_is_none(crl: object) -> None:
    refused = failure(crl=crl)
    assert (refused.code, str(refused), refused.phase) == (
        "ERR_CRYPTO_OPERATION_FAILED",
        "Failed to parse CRL",
        "options",
    )


def test_the_default_is_certifi() -> None:
    ours = client(ca=None)
    roots = trust.root_certificates()
    assert len(roots) > 100
    assert all(root.startswith("-----BEGIN CERTIFICATE-----\n") for root in roots)
    assert ours.cert_store_stats()["x509"] == len(roots)
    assert verdict(ours) == 20
    assert len(made().trusted_certificates()) == len(roots)


def test_extra_certificates_of_node(monkeypatch: pytest.MonkeyPatch) -> None:
    without = made()
    monkeypatch.setenv("NODE_EXTRA_CA_CERTS", pki.cert_path("root-a"))
    assert made() is not without
    ours = client(ca=None)
    assert verdict(ours) == 0
    assert ours.cert_store_stats()["x509"] == len(trust.root_certificates()) + 1
    assert made().trusted_certificates()[-1] == pki.der("root-a")
    assert verdict(client(ca=pki.pem("root-b"))) == 20  # `ca` replaces them too


@pytest.mark.parametrize(
    ("file", "reason"), [("missing.pem", "No such file"), ("empty.pem", "no certificate in it")]
)
def test_extra_certificates_that_cannot_be_used_are_logged_once(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
    file: str,
    reason: str,
) -> None:
    (tmp_path / "empty.pem").write_bytes(b"")
    monkeypatch.setenv("NODE_EXTRA_CA_CERTS", str(tmp_path / file))
    secure = made()
    with caplog.at_level("WARNING", "tlsevents"):
        secure.client_context(verify=True, check_hostname=True)
    ours = secure.client_context(verify=True, check_hostname=False)
    assert ours.cert_store_stats()["x509"] == len(trust.root_certificates())
    (message,) = caplog.messages
    assert re.search(f"Ignoring extra certs from `.*{file}`.*{reason}", message)


def test_replacing_the_default_certificates() -> None:
    before = made()
    trust.set_default_ca_certificates([pki.pem("root-b").decode(), pki.pem("root-a"), b"garbage"])
    ours = made()
    assert ours is not before
    assert verdict(client(ca=None)) == 0
    assert list(ours.trusted_certificates()) == [pki.der("root-b"), pki.der("root-a")]
    assert trust.get_ca_certificates() == [
        pki.pem(name).decode().strip() for name in ("root-b", "root-a")
    ]
    assert len(trust.get_ca_certificates("bundled")) == len(trust.root_certificates())
    trust.set_default_ca_certificates(trust.get_ca_certificates())
    assert made() is ours
    trust.set_default_ca_certificates([])
    assert verdict(client(ca=None)) == 20
    assert trust.get_ca_certificates("default") == []


@pytest.mark.parametrize(
    ("certs", "code", "message"),
    rows(
        (
            "text",
            "ERR_INVALID_ARG_TYPE",
            "The \"certs\" argument must be an instance of Array. Received type string ('text')",
        ),
        (
            [5],
            "ERR_INVALID_ARG_TYPE",
            'The "certs[0]" argument must be of type string or an instance of ArrayBufferView.'
            " Received type number (5)",
        ),
        (
            ["x", BEGIN + b"AAAA\n" + END],
            "ERR_CRYPTO_OPERATION_FAILED",
            "No valid certificates found in the provided array",
        ),
    ),
)
def test_default_certificates_that_are_none(certs: Any, code: str, message: str) -> None:
    with pytest.raises(errors.OptionsError) as caught:
        trust.set_default_ca_certificates(certs)
    assert (caught.value.code, str(caught.value)) == (code, message)
    assert trust.get_ca_certificates() == list(trust.root_certificates())


def test_get_ca_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    assert trust.get_ca_certificates("extra") == []
    monkeypatch.setenv("NODE_EXTRA_CA_CERTS", pki.cert_path("root-a"))
    root_a = pki.pem("root-a").decode().strip()
    assert trust.get_ca_certificates("extra") == [root_a]
    assert trust.get_ca_certificates() == [*trust.root_certificates(), root_a]
    monkeypatch.setenv("SSL_CERT_FILE", pki.cert_path("root-b"))
    monkeypatch.setenv("SSL_CERT_DIR", "/nonexistent")
    assert trust.get_ca_certificates("system") == [pki.pem("root-b").decode().strip()]
    for kind, code in (("x", "ERR_INVALID_ARG_VALUE"), (5, "ERR_INVALID_ARG_TYPE")):
        with pytest.raises(errors.OptionsError) as caught:
            trust.get_ca_certificates(kind)  # type: ignore[arg-type]
        assert caught.value.code == code


@pytest.mark.skipif(sys.platform in {"win32", "darwin"}, reason="the system verifies itself there")
def test_the_systems_trust(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("truststore")
    monkeypatch.setenv("SSL_CERT_FILE", pki.cert_path("root-b"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    (tmp_path / "0123abcd.0").write_bytes(pki.pem("root-a"))
    (tmp_path / "README").write_bytes(pki.pem("leaf-self"))
    ours = client(ca="system")
    assert type(ours) is ssl.SSLContext  # truststore would read the store for each connection
    assert verdict(ours) == 0
    assert list(made(ca="system").trusted_certificates()) == [pki.der("root-b"), pki.der("root-a")]
    assert made(ca="system").verifier().verdict([pki.der("leaf-ok")]) == 0


def test_where_the_system_verifies_itself_truststore_does_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    truststore = pytest.importorskip("truststore")
    monkeypatch.setattr(context, "_delegates_to_system", lambda: True)
    monkeypatch.setenv("SSL_CERT_FILE", pki.cert_path("root-a"))
    secure = made(ca="system", alpn_protocols=["h2"], crl=pki.crl_pem("crl-root-a"))
    ours = secure.client_context(verify=True, check_hostname=True)
    assert isinstance(ours, truststore.SSLContext)
    assert ours.verify_flags & ssl.VERIFY_CRL_CHECK_LEAF
    plain = secure.client_context(verify=False, check_hostname=False)
    assert type(plain) is ssl.SSLContext
    with pytest.raises(errors.UnsupportedOptionError):
        made(ca="system", ecdh_curve="P-256").client_context(verify=True, check_hostname=True)


def test_the_systems_trust_needs_truststore(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "truststore", None)
    refused = failure(ca="system")
    assert isinstance(refused, errors.UnsupportedOptionError)
    assert "pip install 'tlsevents[system]'" in str(refused)


def test_paths_compiled_into_openssl_may_lead_nowhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(pki.pem("root-a"))
    monkeypatch.setattr(trust, "_SYSTEM_BUNDLES", ("/nonexistent/bundle.pem", str(bundle)))
    assert trust._system_at(None, None) == (pki.pem("root-a").strip(),)
    trust._system_at.cache_clear()


def test_the_stores_of_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    server_auth = {"1.3.6.1.5.5.7.3.1"}
    stores = {
        "CA": [(pki.der("inter-a"), "x509_asn", True), (b"list", "pkcs_7_asn", True)],
        "ROOT": [
            (pki.der("root-a"), "x509_asn", server_auth),
            (pki.der("root-b"), "x509_asn", {"1.3.6.1.5.5.7.3.4"}),  # e-mail only
            (pki.der("root-expired"), "x509_asn", False),
        ],
    }
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(ssl, "enum_certificates", stores.__getitem__, raising=False)
    found = [trust.block_der(block) for block in trust._system_at("windows", None)]
    assert found == [pki.der("inter-a"), pki.der("root-a")]


# --- Verifiers ------------------------------------------------------------------------------------


def test_the_verifier_has_the_same_trust() -> None:
    secure = made(ca=[pki.pem("root-a"), pki.pem("leaf-self")], crl=pki.crl_pem("crl-root-a"))
    assert not secure.verifier_ready
    verifier = secure.verifier()
    assert secure.verifier_ready
    assert secure.verifier() is verifier
    chains = ["leaf-ok", "leaf-revoked", "leaf-expired", "leaf-root-b", "leaf-weak1024"]
    assert [verifier.verdict(pki.chain_ders(name)) for name in chains] == [0, 23, 10, 21, 66]


def test_the_verifier_follows_flags_and_level() -> None:
    leaf = pki.chain_ders("leaf-inter")
    assert made(ca=pki.pem("inter-a")).verifier().verdict(leaf) == 2
    partial = made(ca=pki.pem("inter-a"), allow_partial_trust_chain=True)
    assert partial.verifier().verdict(leaf) == 0
    weak = made(ca=pki.pem("root-a"), ciphers="DEFAULT@SECLEVEL=0")
    assert weak.verifier().verdict(pki.chain_ders("leaf-weak1024")) == 0


# --- Files ----------------------------------------------------------------------------------------


def test_files_are_read_late_and_again_when_they_change(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_bytes(pki.pem("root-b"))
    secure = made(ca=str(ca))
    assert secure.needs_files
    assert not made(ca=pki.pem("root-a")).needs_files
    ours = secure.client_context(verify=True, check_hostname=True)
    verifier = secure.verifier()
    assert verdict(ours) == 20
    assert secure.client_context(verify=True, check_hostname=True) is ours
    assert secure.verifier() is verifier
    # Somebody has to look at the file, which blocks.
    assert not secure.client_context_ready(verify=True, check_hostname=True)
    assert not secure.verifier_ready
    ca.write_bytes(pki.pem("root-b") + pki.pem("root-a"))
    assert made(ca=str(ca)) is secure
    assert verdict(secure.client_context(verify=True, check_hostname=True)) == 0
    assert secure.verifier().verdict(pki.chain_ders("leaf-ok")) == 0
    assert pki.der("root-a") in secure.trusted_certificates()


@pytest.mark.parametrize("option", ["ca", "cert", "crl", "pfx"])
def test_a_missing_file(option: str) -> None:
    secure = made(**{option: "/nonexistent/file.pem"})
    for call in (
        lambda: secure.client_context(verify=True, check_hostname=True),
        *(() if option == "cert" else (secure.verifier,)),
    ):
        with pytest.raises(FileNotFoundError) as caught:
            call()
        error = caught.value
        assert isinstance(error, errors.OptionsError)
        assert (error.code, error.syscall, error.path) == (
            "ENOENT",
            "open",
            "/nonexistent/file.pem",
        )
        assert (str(error), error.phase) == ("open ENOENT /nonexistent/file.pem", "options")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError) as caught:
        made(ca=str(tmp_path)).client_context(verify=True, check_hostname=True)
    assert isinstance(caught.value, errors.OptionsError)
    assert caught.value.code == "EISDIR"


@pytest.mark.parametrize(
    ("cert", "key", "code"),
    [
        ("root-a", "client-ok", "ERR_OSSL_X509_KEY_VALUES_MISMATCH"),
        ("client-ok", None, "ERR_OSSL_UNSUPPORTED"),
        (None, "client-ok", "ERR_OSSL_PEM_NO_START_LINE"),
    ],
)
def test_files_with_wrong_content(
    tmp_path: Path, cert: str | None, key: str | None, code: str
) -> None:
    garbage = tmp_path / "garbage"
    garbage.write_bytes(b"garbage")
    secure = made(
        cert=pki.cert_path(cert) if cert else str(garbage),
        key=pki.key_path(key) if key else str(garbage),
    )
    with pytest.raises(errors.OptionsError) as caught:
        secure.client_context(verify=True, check_hostname=True)
    assert caught.value.code == code


def test_content_beside_a_path_is_checked_at_once() -> None:
    assert failure(cert=b"x", key=pki.key_path("client-ok")).code == "ERR_OSSL_PEM_NO_START_LINE"
    assert failure(cert=pki.cert_path("client-ok"), key=b"x").code == "ERR_OSSL_UNSUPPORTED"
    # They may belong to one that is in the file.
    made(cert=[pki.pem("root-a"), pki.cert_path("client-ok")], key=pki.key_pem("client-ok"))


# --- Client certificates --------------------------------------------------------------------------


def accepted(ours: ssl.SSLContext) -> bytes | None:
    """The client certificate that a server which demands one has accepted."""
    _, other = handshake(ours, server(client_ca="root-a"))
    return other.getpeercert(binary_form=True)


@pytest.mark.parametrize(
    "options",
    [
        {"cert": pki.pem("client-ok"), "key": pki.key_pem("client-ok")},
        {"cert": pki.pem("client-ok").decode(), "key": pki.key_pem("client-ok").decode()},
        {"cert": Path(pki.cert_path("client-ok")), "key": Path(pki.key_path("client-ok"))},
        {"cert": pki.cert_path("client-ok"), "key": pki.key_pem("client-ok")},
        {"cert": pki.pem("client-ok"), "key": pki.key_path("client-ok")},
        {
            "cert": pki.pem("client-ok"),
            "key": pki.key_pem("client-ok", "open"),
            "passphrase": "open",
        },
        {
            "cert": pki.pem("client-ok"),
            "key": [{"pem": pki.key_pem("client-ok", "open"), "passphrase": "open"}],
            "passphrase": "other",
        },
        {
            "cert": [pki.pem("client-untrusted"), pki.pem("client-ok")],
            "key": pki.key_pem("client-ok"),
        },
        {"pfx": pki.pfx("client-ok"), "passphrase": "sesame"},
        {"pfx": [{"buf": pki.pfx("client-ok"), "passphrase": "sesame"}], "passphrase": "other"},
        {"pfx": pki.pfx("client-ok", None)},
    ],
    ids=[
        "bytes",
        "text",
        "paths",
        "key in memory",
        "cert in memory",
        "passphrase",
        "passphrase of its own",
        "the last of a type",
        "pfx",
        "pfx with a passphrase of its own",
        "pfx without",
    ],
)
@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_client_certificates(options: dict[str, Any], version: str) -> None:
    assert accepted(client(**options, max_version=version)) == pki.der("client-ok")


class Recording(ssl.SSLContext):
    """Counts the pairs that were loaded."""

    pairs = 0

    def load_cert_chain(self, *args: Any) -> None:
        super().load_cert_chain(*args)
        self.pairs += 1


def test_one_certificate_for_each_type_of_key() -> None:
    ours = Recording(ssl.PROTOCOL_TLS_CLIENT)
    keys = [credentials.Key(pki.key_pem(name)) for name in ("client-ok", "leaf-ec")]
    group = credentials.Group([pki.pem("leaf-ec"), pki.pem("client-ok")], keys)
    credentials.load(ours, [group], lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    assert ours.pairs == 2
    handshake(client(cert=list(group.certificates), key=[key.pem for key in keys]))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"cert": pki.pem("client-ok")},
        {"key": pki.key_pem("client-ok")},
        {"key": pki.key_pem("leaf-ec")},
        {"cert": pki.pem("client-ok"), "key": pki.key_pem("leaf-ec")},
        {"cert": pki.pem("client-ok") + pki.key_pem("client-ok")},
        {"cert": "", "key": ""},
        {"cert": [], "key": []},
    ],
    ids=[
        "nothing",
        "only cert",
        "only key",
        "only an EC key",
        "other type",
        "key inside cert",
        "empty",
        "no items",
    ],
)
def test_no_client_certificate_is_sent(options: dict[str, Any]) -> None:
    ours = client(**options)
    theirs = server(client_ca="root-a")
    theirs.verify_mode = ssl.CERT_OPTIONAL
    _, other = handshake(ours, theirs)
    assert other.getpeercert(binary_form=True) is None


@pytest.mark.parametrize("verify", [True, False])
def test_the_chain_is_completed_from_what_is_trusted(verify: bool) -> None:
    chain = [pki.pem("inter-a"), pki.pem("root-a")]
    leaf = {"cert": pki.pem("leaf-inter"), "key": pki.key_pem("leaf-inter")}
    theirs = server(client_ca="root-a")
    theirs.verify_flags |= 0
    ours = client(ca=chain, verify=verify, check_hostname=False, **leaf)
    # leaf-inter is for servers, so the server looks at the chain, and then refuses the purpose.
    with pytest.raises(ssl.SSLCertVerificationError) as caught:
        handshake(ours, theirs)
    assert caught.value.verify_code == 26
    with pytest.raises(ssl.SSLCertVerificationError) as caught:
        handshake(client(verify=verify, check_hostname=False, **leaf), theirs)
    assert caught.value.verify_code == 20


def test_certificates_in_a_pfx_are_trusted_too() -> None:
    bundle = pki.pfx("chain-inter-b-root")
    assert verdict(client(pfx=bundle, passphrase="sesame"), "leaf-root-b") == 0
    assert verdict(client(pfx=bundle, passphrase="sesame")) == 0
    assert verdict(client(), "leaf-root-b") == 20
    secure = made(ca=[], pfx=bundle, passphrase="sesame")
    assert secure.verifier().verdict(pki.chain_ders("leaf-root-b")) == 0
    assert pki.der("root-b") in secure.trusted_certificates()


def test_a_pfx_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "client.pfx"
    file.write_bytes(pki.pfx("client-ok"))
    assert accepted(client(pfx=str(file), passphrase="sesame")) == pki.der("client-ok")
    with pytest.raises(errors.OptionsError, match="mac verify failure"):
        client(pfx=str(file), passphrase="wrong")


RSA, RSA_KEY = pki.pem("client-ok"), pki.key_pem("client-ok")
SEALED = pki.key_pem("client-ok", "right")


@pytest.mark.parametrize(
    ("options", "code", "text"),
    rows(
        ({"cert": b"x"}, "ERR_OSSL_PEM_NO_START_LINE", "PEM routines::no start line"),
        ({"cert": [b""]}, "ERR_OSSL_PEM_NO_START_LINE", "no start line"),
        ({"cert": RSA_KEY}, "ERR_OSSL_PEM_NO_START_LINE", "no start line"),
        ({"cert": RSA[:500]}, "ERR_OSSL_PEM_BAD_END_LINE", "bad end line"),
        ({"cert": RSA[:500] + b"\n" + END}, "ERR_OSSL_PEM_BAD_BASE64_DECODE", "base64 decode"),
        ({"cert": BEGIN + b"!!!!\n" + END}, "ERR_OSSL_PEM_BAD_BASE64_DECODE", "base64 decode"),
        ({"cert": BEGIN + b"AAAA\n" + END}, "ERR_OSSL_ASN1_WRONG_TAG", "wrong tag"),
        ({"cert": RSA + BEGIN + b"AAAA\n" + END}, "ERR_OSSL_ASN1_WRONG_TAG", "wrong tag"),
        ({"key": b"abc"}, "ERR_OSSL_UNSUPPORTED", "DECODER routines::unsupported"),
        ({"key": RSA}, "ERR_OSSL_UNSUPPORTED", "unsupported"),
        ({"cert": RSA, "key": b"abc"}, "ERR_OSSL_UNSUPPORTED", "unsupported"),
        ({"cert": RSA, "key": RSA_KEY[:500]}, "ERR_OSSL_UNSUPPORTED", "unsupported"),
        (
            {"cert": RSA, "key": pki.key_pem("root-a")},
            "ERR_OSSL_X509_KEY_VALUES_MISMATCH",
            "x509 certificate routines::key values mismatch",
        ),
        (
            {"cert": [RSA, pki.pem("root-a")], "key": RSA_KEY},  # the last of a type counts
            "ERR_OSSL_X509_KEY_VALUES_MISMATCH",
            "key values mismatch",
        ),
        (
            {"cert": RSA, "key": [RSA_KEY, pki.key_pem("root-a")]},
            "ERR_OSSL_X509_KEY_VALUES_MISMATCH",
            "key values mismatch",
        ),
        (
            {"cert": RSA, "key": SEALED, "passphrase": "wrong"},
            "ERR_OSSL_BAD_DECRYPT",
            "Provider routines::bad decrypt",
        ),
        ({"cert": RSA, "key": SEALED}, "ERR_OSSL_BAD_DECRYPT", "bad decrypt"),
        ({"cert": RSA, "key": SEALED, "passphrase": ""}, "ERR_OSSL_BAD_DECRYPT", "bad decrypt"),
        ({"key": SEALED}, "ERR_OSSL_BAD_DECRYPT", "bad decrypt"),
        (
            {"cert": RSA, "key": SEALED, "passphrase": "x" * 2000},
            "ERR_OSSL_CRYPTO_INTERRUPTED_OR_CANCELLED",
            "common libcrypto routines::interrupted or cancelled",
        ),
        (
            {"cert": pki.pem("leaf-weak1024"), "key": pki.key_pem("leaf-weak1024")},
            "ERR_SSL_EE_KEY_TOO_SMALL",
            "ee key too small",
        ),
        ({"cert": pki.pem("leaf-weak1024")}, "ERR_SSL_EE_KEY_TOO_SMALL", "ee key too small"),
        ({"pfx": b"x"}, None, "not enough data"),
        ({"pfx": b"\x30\x05\x02"}, None, "not enough data"),
        ({"pfx": pki.pfx("client-ok")[:200], "passphrase": "sesame"}, None, "not enough data"),
        ({"pfx": pki.pfx("client-ok"), "passphrase": "wrong"}, None, "mac verify failure"),
        ({"pfx": pki.pfx("client-ok")}, None, "mac verify failure"),
        ({"ciphers": "X"}, "ERR_SSL_NO_CIPHER_MATCH", "0A0000B9:SSL routines::no cipher match"),
        ({"ciphers": "aes128-sha"}, "ERR_SSL_NO_CIPHER_MATCH", "no cipher match"),
        ({"ciphers": "@SECLEVEL=0"}, "ERR_SSL_NO_CIPHER_MATCH", "no cipher match"),
        ({"ciphers": "TLS_FOO:AES128-SHA"}, "ERR_SSL_NO_CIPHER_MATCH", "no cipher match"),
        ({"ciphers": "HIGH@SECLEVEL=6"}, "ERR_SSL_INVALID_COMMAND", "invalid command"),
        ({"ciphers": "HIGH:@SECLEVEL=10"}, "ERR_SSL_INVALID_COMMAND", "invalid command"),
        ({"ciphers": "HIGH@NOPE"}, "ERR_SSL_INVALID_COMMAND", "invalid command"),
        ({"ciphers": ":"}, "ERR_INVALID_ARG_VALUE", "Received [ '', '' ]"),
        ({"ecdh_curve": "nope"}, "ERR_CRYPTO_OPERATION_FAILED", "Failed to set ECDH curve"),
        ({"ecdh_curve": "AUTO"}, "ERR_CRYPTO_OPERATION_FAILED", "Failed to set ECDH curve"),
    ),
)
def test_content_that_is_wrong_is_told_at_once_with_nodes_code(
    options: dict[str, Any], code: str | None, text: str
) -> None:
    refused = failure(**options)
    assert (refused.code, refused.phase) == (code, "options")
    assert text in str(refused)
    assert failure(**options).code == code  # it is not cached


def test_openssl_never_asks_on_the_terminal() -> None:
    program = (
        "from tlsevents.context import create_secure_context as make\n"
        "from tlsevents.errors import OptionsError\n"
        "import sys\n"
        "try:\n"
        "    make(key=sys.argv[1])\n"
        "    make(key=open(sys.argv[1], 'rb').read())\n"
        "except OptionsError as error:\n"
        "    print(error.code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, pki.key_path("client-ok", "sesame")],
        input="sesame\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        cwd=Path(__file__).parents[2],
        start_new_session=True,
    )
    assert (done.stdout, done.stderr) == ("ERR_OSSL_BAD_DECRYPT\n", "")


def test_a_pfx_needs_cryptography(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bundle = pki.pfx("client-ok")
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.serialization.pkcs12", None)
    for pfx in (bundle, str(tmp_path / "later.pfx")):
        refused = failure(pfx=pfx, passphrase="sesame")
        assert isinstance(refused, errors.UnsupportedOptionError)
        assert "pip install 'tlsevents[x509]'" in str(refused)


def test_a_pfx_without_a_key() -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.serialization import pkcs12

    empty = pkcs12.serialize_key_and_certificates(
        b"none", None, pki.certificate("client-ok"), None, serialization.NoEncryption()
    )
    refused = failure(pfx=empty)
    assert refused.code == "ERR_CRYPTO_OPERATION_FAILED"
    assert str(refused) == "Unable to load PFX certificate"


def test_no_secret_shows() -> None:
    secure = made(cert=RSA, key=SEALED, passphrase="right")
    settings = secure._settings  # type: ignore[attr-defined]
    texts = [repr(secure), str(secure), repr(settings), repr(settings.key)]
    texts += [repr(credentials.Key(SEALED, "right")), repr(credentials.Group([RSA], []))]
    refused = failure(cert=RSA, key=SEALED, passphrase="hush-hush")
    texts += [repr(refused), str(refused.hint), repr(refused.__dict__), repr(refused.__cause__)]
    for text in texts:
        assert "right" not in text
        assert "hush" not in text
        assert "MII" not in text


# --- Memory files ---------------------------------------------------------------------------------


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Path and mode of every file that OpenSSL gets certificates and keys from."""
    found: list[tuple[str, int]] = []
    original = ssl.SSLContext.load_cert_chain

    def load(self: ssl.SSLContext, *args: Any) -> None:
        if len(args) > 1:  # the servers of these tests have one file, which is theirs
            found.extend((path, stat.S_IMODE(os.stat(path).st_mode)) for path in args[:2])
        original(self, *args)

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", load)
    return found


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="no anonymous files here")
def test_keys_in_memory_stay_in_memory(
    seen: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(tempfile, "mkstemp", refuse)
    before = descriptors()
    assert accepted(client(cert=RSA, key=RSA_KEY)) == pki.der("client-ok")
    assert descriptors() == before
    assert seen
    assert all(path.startswith("/proc/self/fd/") and mode == 0o600 for path, mode in seen)


@pytest.mark.parametrize("why", ["no such call", "call refused", "no way to name it"])
def test_where_there_are_no_anonymous_files_private_ones_are_removed_at_once(
    seen: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, why: str
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    if why == "no such call":
        monkeypatch.delattr(os, "memfd_create", raising=False)
    elif why == "call refused":

        def refuse(*_: object) -> int:
            raise OSError

        monkeypatch.setattr(os, "memfd_create", refuse, raising=False)
    elif hasattr(os, "memfd_create"):
        monkeypatch.setattr(os, "access", lambda *_: False)
    before = descriptors()
    assert accepted(client(cert=RSA, key=RSA_KEY)) == pki.der("client-ok")
    assert failure(cert=RSA, key=SEALED).code == "ERR_OSSL_BAD_DECRYPT"
    assert descriptors() == before
    assert len(seen) >= 4
    assert all(path.startswith(str(tmp_path)) and mode == 0o600 for path, mode in seen)
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="no anonymous files here")
def test_an_anonymous_file_that_cannot_be_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError

    before = descriptors()
    monkeypatch.setattr(os, "lseek", full)
    with trust.memory_file(b"content") as path:
        assert Path(path).read_bytes() == b"content"
        assert path.startswith(tempfile.gettempdir())
    assert descriptors() == before


# --- Versions -------------------------------------------------------------------------------------


def version(**options: Any) -> str | None:
    return handshake(client(**options))[0].version()


LOW = "DEFAULT:@SECLEVEL=0"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "TLSv1.3"),
        ({"max_version": "TLSv1.2"}, "TLSv1.2"),
        ({"min_version": "TLSv1", "max_version": "TLSv1", "ciphers": LOW}, "TLSv1"),
        ({"min_version": "TLSv1", "max_version": "TLSv1.1", "ciphers": LOW}, "TLSv1.1"),
        ({"min_version": "TLSv1.1", "max_version": "TLSv1.1", "ciphers": LOW}, "TLSv1.1"),
        ({"min_version": "TLSv1.1", "ciphers": LOW}, "TLSv1.3"),
        ({"min_version": "TLSv1"}, "TLSv1.3"),
        ({"secure_protocol": "TLS_method"}, "TLSv1.3"),
        ({"secure_protocol": "TLS_client_method"}, "TLSv1.3"),
        ({"secure_protocol": "SSLv23_method"}, "TLSv1.2"),
        ({"secure_protocol": "TLSv1_2_client_method"}, "TLSv1.2"),
        ({"secure_protocol": "TLSv1_1_method", "ciphers": LOW}, "TLSv1.1"),
        ({"secure_options": ssl.OP_NO_TLSv1_3}, "TLSv1.2"),
        # A gap leaves what is below it, as in OpenSSL.
        (
            {"secure_options": ssl.OP_NO_TLSv1_2, "min_version": "TLSv1", "ciphers": LOW},
            "TLSv1.1",
        ),
        ({"secure_options": ssl.OP_NO_TLSv1_2, "min_version": "TLSv1"}, "TLSv1.3"),
        ({"ciphers": "AES128-SHA256", "max_version": "TLSv1.2"}, "TLSv1.2"),
    ],
)
def test_versions_without_a_warning(options: dict[str, Any], expected: str) -> None:
    assert version(**options) == expected  # warnings are errors here


@pytest.mark.parametrize(
    "options",
    [
        {"min_version": "TLSv1.3", "max_version": "TLSv1.2"},
        {"max_version": "TLSv1"},
        {"min_version": "TLSv1", "max_version": "TLSv1.1"},  # the security level forbids both
        {"secure_options": ssl.OP_NO_TLSv1_2 | ssl.OP_NO_TLSv1_3},
        {"secure_protocol": "TLSv1_method"},
    ],
)
def test_no_version_left_fails_in_the_handshake(options: dict[str, Any]) -> None:
    with pytest.raises(ssl.SSLError) as caught:
        version(**options)
    translated = errors.translate_ssl_error(caught.value, phase="handshake")
    assert translated.code == "ERR_SSL_NO_PROTOCOLS_AVAILABLE"


def test_a_method_of_servers() -> None:
    secure = made(secure_protocol="TLSv1_2_server_method")
    with pytest.raises(errors.NegotiationError) as caught:
        secure.client_context(verify=True, check_hostname=True)
    assert caught.value.code == "ERR_SSL_CALLED_A_FUNCTION_YOU_SHOULD_NOT_CALL"


def test_old_versions_do_not_touch_the_filters_of_warnings() -> None:
    before = warnings.filters[:]
    client(min_version="TLSv1.1", ciphers=LOW)
    assert warnings.filters == before


def test_secure_options() -> None:
    assert not client().options & ssl.OP_NO_TICKET
    assert client(secure_options=ssl.OP_NO_TICKET).options & ssl.OP_NO_TICKET
    assert client(secure_options=2**35).options & 2**35
    every = client(secure_options=-1)
    assert every.options | offer.NO_VERSIONS | ssl.OP_NO_SSLv3 == 0xFFFFFFFF
    with pytest.raises(ssl.SSLError):
        handshake(every)


# --- Ciphers, groups, protocols -------------------------------------------------------------------


def cipher(**options: Any) -> str:
    found = handshake(client(**options))[0].cipher()
    assert found is not None
    return found[0]


def test_names_of_tls_1_2_keep_the_suites_of_tls_1_3() -> None:
    assert cipher(ciphers="AES128-SHA256") == "TLS_AES_256_GCM_SHA384"
    assert cipher(ciphers="AES128-SHA256:NOPE", max_version="TLSv1.2") == "AES128-SHA256"
    assert cipher(ciphers=f"{EVERY_SUITE}:AES128-SHA", max_version="TLSv1.2") == "AES128-SHA"


def test_names_of_tls_1_3_alone_raise_the_minimum() -> None:
    ours = client(ciphers=f"{EVERY_SUITE}:TLS_UNKNOWN")
    assert ours.minimum_version == ssl.TLSVersion.TLSv1_3
    assert cipher(ciphers=EVERY_SUITE) == "TLS_AES_256_GCM_SHA384"


@pytest.mark.skipif(
    hasattr(ssl.SSLContext, "set_ciphersuites"), reason="this Python can choose among them"
)
@pytest.mark.parametrize(
    "ciphers",
    [
        "TLS_AES_128_GCM_SHA256",
        ":".join(reversed(EVERY_SUITE.split(":"))),
        "TLS_AES_256_GCM_SHA384:HIGH",
        "TLS_AES_128_CCM_SHA256",
    ],
)
def test_a_choice_of_tls_1_3_suites_is_refused(ciphers: str) -> None:
    refused = failure(ciphers=ciphers)
    assert isinstance(refused, errors.UnsupportedOptionError)
    assert "needs Python 3.15" in str(refused)
    if ":" not in ciphers:
        return
    made(ciphers=ciphers, max_version="TLSv1.2")  # they do not matter there


class Newer(ssl.SSLContext):
    """What Python 3.15 adds, as far as it can be told on an older one."""

    calls: list[tuple[str, str]]

    def set_ciphersuites(self, suites: str) -> None:
        self.calls.append(("suites", suites))

    def set_groups(self, groups: str) -> None:
        if groups == "nope":
            raise ssl.SSLError
        self.calls.append(("groups", groups))

    def set_server_sigalgs(self, sigalgs: str) -> None:
        if sigalgs == "nope":
            raise ssl.SSLError
        self.calls.append(("sigalgs", sigalgs))


def test_newer_pythons_can_do_more() -> None:
    ours = Newer(ssl.PROTOCOL_TLS_CLIENT)
    ours.calls = []
    assert offer.set_ciphers(ours, "TLS_AES_128_GCM_SHA256:TLS_FOO", "TLSv1.3")
    offer.set_groups(ours, "X25519:P-256")
    offer.set_sigalgs(ours, "RSA-PSS+SHA256")
    assert ours.calls == [
        ("suites", "TLS_AES_128_GCM_SHA256"),
        ("groups", "X25519:P-256"),
        ("sigalgs", "RSA-PSS+SHA256"),
    ]
    with pytest.raises(errors.OptionsError, match="Failed to set ECDH curve"):
        offer.set_groups(ours, "nope")
    with pytest.raises(errors.OptionsError) as caught:
        offer.set_sigalgs(ours, "nope")
    assert caught.value.code is None


@pytest.mark.parametrize("curve", ["P-384", "p-384", "secp384r1"])
def test_one_curve(curve: str) -> None:
    theirs = server()
    theirs.set_ecdh_curve("secp384r1")
    handshake(client(ecdh_curve=curve), theirs)
    with pytest.raises(ssl.SSLError):
        handshake(client(ecdh_curve="X25519"), theirs)
    handshake(client(ecdh_curve="auto"), theirs)


@pytest.mark.skipif(hasattr(ssl.SSLContext, "set_groups"), reason="this Python has lists")
@pytest.mark.parametrize("curve", ["X25519:P-256", "X25519MLKEM768"])
def test_more_than_one_curve_is_refused(curve: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(failure(ecdh_curve=curve), errors.UnsupportedOptionError)
    monkeypatch.setattr(context, "DEFAULT_ECDH_CURVE", curve)
    assert isinstance(failure(), errors.UnsupportedOptionError)


def test_get_ciphers() -> None:
    found = offer.get_ciphers()
    assert found == sorted(set(found))
    assert {"tls_aes_128_ccm_8_sha256", "aes128-gcm-sha256", "ecdhe-ecdsa-aes256-sha"} <= set(found)
    for name in found:  # each can be chosen
        if not name.startswith("tls_") and "psk" not in name and "srp" not in name:
            made(ca=[], ciphers=f"{name.upper()}:@SECLEVEL=0")


def test_alpn() -> None:
    theirs = server()
    theirs.set_alpn_protocols(["http/1.1", "h2"])
    assert handshake(client(alpn_protocols=["h2", "http/1.1"]), theirs)[
        0
    ].selected_alpn_protocol() in {"h2", "http/1.1"}
    assert handshake(client(alpn_protocols=b"\x02h2"), theirs)[0].selected_alpn_protocol() == "h2"
    assert handshake(client(), theirs)[0].selected_alpn_protocol() is None
    assert isinstance(failure(alpn_protocols=["é"]), errors.UnsupportedOptionError)


def test_convert_alpn_protocols() -> None:
    assert offer.convert_alpn_protocols(["h2", "http/1.1"]) == b"\x02h2\x08http/1.1"
    assert offer.convert_alpn_protocols(b"\x02h2") == b"\x02h2"
    assert offer.convert_alpn_protocols([]) == b""
    assert offer.convert_alpn_protocols(None) == b""
    for wrong, code in (
        ([""], "ERR_INVALID_ARG_VALUE"),
        (["x" * 256], "ERR_OUT_OF_RANGE"),
        ([5], "ERR_INVALID_ARG_TYPE"),
        (b"\x05h2", "ERR_INVALID_ARG_VALUE"),
        ("h2", None),
    ):
        with pytest.raises(errors.OptionsError) as caught:
            offer.convert_alpn_protocols(wrong)
        assert caught.value.code == code


# --- Public ways to a context ---------------------------------------------------------------------


def test_create_secure_context_in_both_dialects() -> None:
    first = create_secure_context(ca=pki.pem("root-a"), min_version="TLSv1.3")
    assert create_secure_context({"ca": pki.pem("root-a"), "minVersion": "TLSv1.3"}) is first
    assert create_secure_context() is create_secure_context({})
    assert made(secure_context=first) is first
    assert made(ca=pki.pem("root-a"), min_version="TLSv1.3") is first
    with pytest.raises(errors.OptionsError) as caught:
        create_secure_context(cert=b"x")
    assert caught.value.code == "ERR_OSSL_PEM_NO_START_LINE"
    with pytest.raises(TypeError):
        create_secure_context(cerd=b"x")


def test_protocols_belong_to_the_connection() -> None:
    shared = create_secure_context(ca=pki.pem("root-a"), alpn_protocols=["ignored"])
    theirs = server()
    theirs.set_alpn_protocols(["h2", "ignored"])
    for protocols, expected in ((["h2"], "h2"), ([], None)):
        given = made(secure_context=shared, alpn_protocols=protocols)
        ours = given.client_context(verify=True, check_hostname=True)
        assert handshake(ours, theirs)[0].selected_alpn_protocol() == expected
        assert made(secure_context=shared, alpn_protocols=protocols) is given


def test_other_context_options_do_not_count_beside_a_ready_one() -> None:
    shared = create_secure_context(ca=pki.pem("root-a"))
    assert made(secure_context=shared, ca=pki.pem("root-b"), ciphers="nonsense") is shared


def test_what_is_no_secure_context() -> None:
    class Pretender:
        def client_context(self) -> None: ...

    assert failure(secure_context=Pretender()).code == "ERR_TLS_INVALID_CONTEXT"
    assert failure(secure_context=5).code == "ERR_TLS_INVALID_CONTEXT"


def test_a_users_own_context_is_used_as_it_is() -> None:
    own = ssl.create_default_context(cafile=pki.cert_path("root-a"))
    before = (own.options, own.verify_flags, own.cert_store_stats(), own.check_hostname)
    secure = made(context=own)
    assert not secure.own
    assert (made(ca=[]).own, made(ca=[]).verifies, made(ca=[]).checks_hostname) == (True,) * 3
    assert (secure.verifies, secure.checks_hostname, secure.needs_files) == (True, True, False)
    assert secure.client_context(verify=False, check_hostname=False) is own
    assert secure.client_context_ready(verify=True, check_hostname=True)
    assert made(context=own) == secure
    assert hash(made(context=own)) == hash(secure)
    assert made(context=ssl.create_default_context()) != secure
    verifier = secure.verifier()
    assert verifier.verdict(pki.chain_ders("leaf-ok")) == 0
    # Python 3.13 has partial chains on by default; OpenSSL says less about the leaf then.
    partial = own.verify_flags & ssl.VERIFY_X509_PARTIAL_CHAIN
    assert verifier.verdict(pki.chain_ders("leaf-root-b")) == (20 if partial else 21)
    assert list(secure.trusted_certificates()) == [pki.der("root-a")]
    assert (own.options, own.verify_flags, own.cert_store_stats(), own.check_hostname) == before
    # One verifier per context, and a new one when what it trusts has changed.
    assert made(context=own).verifier_ready
    assert made(context=own).verifier() is verifier
    own.load_verify_locations(pki.cert_path("root-b"))
    assert not secure.verifier_ready
    assert secure.verifier().verdict(pki.chain_ders("leaf-root-b")) == 0
    assert "wrapping SSLContext" in repr(secure)


def test_a_context_that_verifies_nothing_says_so() -> None:
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    own.check_hostname = False
    own.verify_mode = ssl.CERT_NONE
    secure = SecureContext.wrapping(own)
    assert (secure.verifies, secure.checks_hostname) == (False, False)
    assert secure.verifier().verdict(pki.chain_ders("leaf-ok")) == 21


def test_anything_with_wrap_bio_will_do() -> None:
    class Other:
        __slots__ = ()

        def wrap_bio(self, *_: Any, **__: Any) -> ssl.SSLObject:
            raise NotImplementedError

    secure = SecureContext.wrapping(Other())
    assert (secure.verifies, secure.checks_hostname) == (False, False)
    assert secure.trusted_certificates() == ()
    assert secure.verifier().verdict(pki.chain_ders("leaf-ok")) == 21
    assert not secure.verifier_ready  # nothing to remember it by


def test_a_truststore_context() -> None:
    truststore = pytest.importorskip("truststore")
    secure = made(context=truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    assert (secure.verifies, secure.checks_hostname) == (True, True)
    assert secure.trusted_certificates() == ()
    assert secure.verifier().verdict(pki.chain_ders("leaf-ok")) == 21
    assert secure.verifier_ready


def test_protocols_are_not_set_on_a_users_own_context() -> None:
    own = ssl.create_default_context()
    refused = failure(context=own, alpn_protocols=["h2"])
    assert isinstance(refused, errors.UnsupportedOptionError)
    assert isinstance(
        failure(secure_context=SecureContext.wrapping(own), alpn_protocols=["h2"]),
        errors.UnsupportedOptionError,
    )


# --- Settings of the module -----------------------------------------------------------------------


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A package like ours, with the names as it has them."""
    face = types.ModuleType("face_of_tlsevents")
    monkeypatch.setitem(sys.modules, face.__name__, face)
    context.make_settings_assignable(face.__name__)
    return face


def test_defaults_can_be_assigned(package: Any) -> None:
    assert {"DEFAULT_CIPHERS", "DEFAULT_MIN_VERSION", "root_certificates"} <= set(dir(package))
    assert package.DEFAULT_MIN_VERSION == "TLSv1.2"
    assert package.DEFAULT_MAX_VERSION == "TLSv1.3"
    assert package.DEFAULT_ECDH_CURVE == "auto"
    assert package.DEFAULT_CIPHERS.startswith(EVERY_SUITE)
    before = made(ca=pki.pem("root-a"))
    package.DEFAULT_MAX_VERSION = "TLSv1.2"
    assert package.DEFAULT_MAX_VERSION == "TLSv1.2"
    assert made(ca=pki.pem("root-a")) is not before
    assert version() == "TLSv1.2"
    assert version(max_version="TLSv1.3") == "TLSv1.3"
    package.DEFAULT_CIPHERS = "AES128-SHA256"
    assert cipher() == "AES128-SHA256"
    package.DEFAULT_MAX_VERSION = "TLSv1.3"
    assert made(ca=pki.pem("root-a"), ciphers="X25519:HIGH") is not before
    from face_of_tlsevents import DEFAULT_CIPHERS  # type: ignore[import-not-found]

    assert DEFAULT_CIPHERS == "AES128-SHA256"


@pytest.mark.parametrize(
    ("name", "value", "code", "message"),
    [
        (
            "DEFAULT_MIN_VERSION",
            "TLSv9",
            "ERR_TLS_INVALID_PROTOCOL_VERSION",
            '"TLSv9" is not a valid minimum TLS protocol version',
        ),
        (
            "DEFAULT_MAX_VERSION",
            0,
            "ERR_TLS_INVALID_PROTOCOL_VERSION",
            "0 is not a valid maximum TLS protocol version",
        ),
        ("DEFAULT_CIPHERS", "X", "ERR_SSL_NO_CIPHER_MATCH", None),
        (
            "DEFAULT_CIPHERS",
            "",
            "ERR_INVALID_ARG_VALUE",
            "The property 'options.ciphers' is invalid. Received [ '' ]",
        ),
        ("DEFAULT_CIPHERS", 5, "ERR_INVALID_ARG_TYPE", None),
        ("DEFAULT_ECDH_CURVE", "X", "ERR_CRYPTO_OPERATION_FAILED", "Failed to set ECDH curve"),
        (
            "DEFAULT_ECDH_CURVE",
            5,
            "ERR_INVALID_ARG_TYPE",
            'The "options.ecdhCurve" property must be of type string. Received type number (5)',
        ),
    ],
)
def test_a_bad_default_is_the_same_error_as_the_option(
    package: Any, name: str, value: object, code: str, message: str | None
) -> None:
    setattr(package, name, value)
    refused = failure()
    assert refused.code == code
    assert message is None or str(refused) == message


def test_root_certificates_are_read_when_asked_for(package: Any) -> None:
    assert package.root_certificates == trust.root_certificates()
    with pytest.raises(AttributeError):
        package.root_certificates = ()


def test_replaced_defaults_are_part_of_the_cache_key() -> None:
    trust.set_default_ca_certificates([pki.pem("root-a")])
    assert trust.default_roots().listed == (PemContent(pki.pem("root-a").strip()),)
