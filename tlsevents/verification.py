"""Which verdict on a certificate chain Node would report, and OpenSSL's own check of a name.

Theory of operation
-------------------
* Certificates are verified by OpenSSL, during the handshake. Python tells of that only the *first*
  problem, and nothing at all with CERT_NONE; Node lets OpenSSL run on and tells the *last* one.
  This module names what Node would name. It has no say in whether a connection is accepted.
* It can only put questions to OpenSSL. `_ask` starts a throw-away client (TLS 1.2, where the
  Certificate message is in the clear) and feeds it a made-up ServerHello and the chain. OpenSSL
  verifies on the spot, before any key exchange: it either fails with a verdict, or asks for more
  bytes, which means that the chain is good. The object also knows the chain it built, and its
  certificates can be decoded. No key, no network, no X.509 code of our own; 0.15 ms.
* The first question is put to a twin of the real context. If the answer is a problem, the same
  chain is asked about again with that problem excused, and again, until nothing is left or the
  problem has no excuse. OpenSSL looks at things in this order:

                                             number          excuse
      P0 strength of the leaf's key          66 (*)          security level 0
      P1 is there a trusted issuer           2 18 19 20      the top certificate is trusted
      P2 extensions, from leaf to root       34 79 26 25 ..  only for 34 and strictness (83-94)
      P3 strength of the authorities         67 68           security level 0
      P5 revocation, from leaf to root       3 11 12 23 ..   no revocation check
      P6 from root to leaf: signature, date  21 7 9 10       for dates: no time check
      P7 name constraints                    47-53

  (* heard once more after P1. P4, the name, is missing: Node never gives it to OpenSSL.)
* Dates are read from the certificates as well, because a problem without excuse hides them.

What cannot be seen: other than dates, what comes after a wrong purpose or path length (P2) or
name constraints after a bad signature (P6); and, where the list of an intermediate is missing,
whether another list has expired. The name given then is that of a real problem, if not of Node's.
"""

from __future__ import annotations

import functools
import os
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from tlsevents import _cpython

__all__ = ["Verifier", "decode", "issuers", "presented_chain"]

# Numbers of X509_V_ERR_... (openssl/x509_vfy.h); their texts are in `codes.py`.
UNSPECIFIED = 1
NO_ISSUER_IN_STORE = 2
NOT_YET_VALID = 9
EXPIRED = 10
CRL_NOT_YET_VALID = 11
CRL_EXPIRED = 12
NO_ISSUER = 20
LEAF_UNVERIFIED = 21
INVALID_PURPOSE = 26
CRITICAL_EXTENSION = 34
LEAF_KEY_WEAK = 66
INVALID_CA = 79

_WEAK = frozenset({LEAF_KEY_WEAK, 67, 68})
_STRICTNESS = frozenset(range(83, 95))
_UNTRUSTED = frozenset({NO_ISSUER_IN_STORE, 18, 19, NO_ISSUER, 27, 28})
_REVOCATION = frozenset({3, 5, 8, CRL_NOT_YET_VALID, CRL_EXPIRED, 15, 16, 23, 33, 35, 36, 44, 54})
_DATES = frozenset({NOT_YET_VALID, EXPIRED, 13, 14})
_SIGNATURES = frozenset({4, 6, 7, 76, 77, 78})
_NAME_CONSTRAINTS = frozenset(range(47, 54))

# X509_V_FLAG_... that ssl.VerifyFlags has no name for.
_IGNORE_CRITICAL = 0x10
_NO_CHECK_TIME = 0x200000
_PARTIAL_CHAIN = int(ssl.VERIFY_X509_PARTIAL_CHAIN)
_TRUSTED_FIRST = int(ssl.VERIFY_X509_TRUSTED_FIRST)
_STRICT = int(ssl.VERIFY_X509_STRICT)
_CRL_CHECK = int(ssl.VERIFY_CRL_CHECK_CHAIN)

# The kind of key must fit the suite, or the client fails *after* a good verdict: then it is asked
# again with the other. A suite for ECDSA also takes Edwards curves.
_RSA_SUITE = b"\xc0\x2f"  # ECDHE-RSA-AES128-GCM-SHA256
_ECDSA_SUITE = b"\xc0\x2b"  # ECDHE-ECDSA-AES128-GCM-SHA256
_SUITES = "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256"

LoadTrust = Callable[[ssl.SSLContext], None]
"""Fills a fresh context with trusted certificates and CRLs, and may set its `verify_flags`."""


class Verifier:
    """Answers for one set of trusted certificates; safe to use from several threads at once.

    Args:
        load_trust: fills a context with trusted certificates, CRLs and the `verify_flags` of the
            real context. It is called when first needed, and may block.
        flags: more `verify_flags` (X509_V_FLAG_...).
        security_level: of the real context (`SSLContext.security_level`); 2 as in Node.
    """

    def __init__(self, load_trust: LoadTrust, *, flags: int = 0, security_level: int = 2) -> None:
        self._load_trust = load_trust
        self._more_flags = flags
        self._security_level = security_level
        self._twins: dict[int, ssl.SSLContext] = {}  # by security level
        self._lock = threading.Lock()

    def verdict(self, chain: Sequence[bytes]) -> int:
        """Return 0 if the chain (DER, leaf first) is good, else the X509_V_ERR number Node reports.

        No chain is code 1, as in Node; a resumed session or PSK has none and needs no verdict.
        """
        if not chain:
            return UNSPECIFIED
        twin = self._twin(self._security_level)
        answer = _ask(twin, chain)
        if answer.code in {0, UNSPECIFIED}:  # good, or nothing that can be looked at
            return answer.code
        problems = [answer.code]
        if answer.code == LEAF_KEY_WEAK:
            # OpenSSL gave up before it looked for an issuer.
            answer = _ask(self._twin(0), chain)
            if answer.code:
                problems.append(answer.code)
        built = answer.built or tuple(chain)
        return self._last_problem(problems, built, int(twin.verify_flags))

    def built_chain(self, chain: Sequence[bytes]) -> tuple[bytes, ...]:
        """Return the chain from leaf to root as OpenSSL completes it from what is trusted."""
        if not chain:
            return ()
        answer = _ask(self._twin(self._security_level), chain)
        if answer.code == LEAF_KEY_WEAK:
            answer = _ask(self._twin(0), chain)
        return answer.built

    def name_matches(self, chain: Sequence[bytes], hostname: str) -> bool:
        """Tell whether OpenSSL finds the leaf to be for this name (ASCII) or IP, trust aside.

        False also when it cannot tell, because the certificate is not for a server at all.
        """
        hostname = hostname.removesuffix(".")
        bare = hostname.partition("%")[0]  # the zone of an IPv6 address is not in certificates
        if not chain or not bare.isascii():  # ssl would write other names by IDNA 2003
            return False
        context = _question(_PARTIAL_CHAIN | _NO_CHECK_TIME | _IGNORE_CRITICAL, security_level=0)
        context.check_hostname = True
        try:
            context.load_verify_locations(cadata=chain[0])
            return _ask(context, chain[:1], bare).code == 0
        except (TypeError, ValueError, ssl.SSLError):  # no name for ssl (NUL, ..); no certificate
            return False

    def _twin(self, security_level: int) -> ssl.SSLContext:
        with self._lock:
            twin = self._twins.get(security_level)
            if twin is None:
                twin = _question(0, security_level=security_level)
                self._load_trust(twin)
                # Whatever the loader did to them, these two must be so for a question.
                twin.check_hostname = False
                twin.verify_mode = ssl.CERT_REQUIRED
                _set_flags(twin, int(twin.verify_flags) | self._more_flags)
                self._twins[security_level] = twin
            return twin

    def _last_problem(self, problems: list[int], built: tuple[bytes, ...], flags: int) -> int:
        """Find what Node names, from the first problem and the chain that was built."""
        may_be_partial = bool(flags & _PARTIAL_CHAIN)
        incomplete = problems[-1] in {NO_ISSUER, NO_ISSUER_IN_STORE}
        leaf_alone = problems[-1] == NO_ISSUER and len(built) == 1 and not may_be_partial
        terms = _Terms(flags | _PARTIAL_CHAIN, self._security_level, built[-1])
        for problem in problems:
            terms = terms.excusing(problem) or terms
        while True:
            code = self._ask_again(terms, built)
            if code == 0:
                break
            problems.append(code)
            easier = terms.excusing(code)
            if easier is None or easier == terms:
                break
            terms = easier
        return _last(problems, built, skip_top=incomplete and not may_be_partial, alone=leaf_alone)

    def _ask_again(self, terms: _Terms, built: tuple[bytes, ...]) -> int:
        context = _question(terms.flags, security_level=terms.security_level)
        if terms.flags & _CRL_CHECK:
            self._load_trust(context)  # for its CRLs
            _set_flags(context, terms.flags)
        context.load_verify_locations(cadata=terms.anchor)
        return _ask(context, built).code


def presented_chain(connection: object) -> tuple[bytes, ...]:
    """Return the certificates the peer sent (DER, leaf first), also after a failed handshake.

    () when there was none, as on a resumed session. Python 3.13 calls this
    `SSLObject.get_unverified_chain()`; it works the same on older ones.
    """
    return _cpython.sent_chain(connection)


def decode(chain: Sequence[bytes]) -> tuple[dict[str, object], ...]:
    """Read certificates (DER) with OpenSSL's decoder, into the shape of `SSLSocket.getpeercert()`.

    Raises: ValueError for what is no certificate; UnicodeDecodeError, which is one, for text in it
            that is none.
    """
    if not chain:
        return ()
    decoded = _cpython.decoded_chain(_feed(_decoder(), chain, _RSA_SUITE, None)[0])
    if len(decoded) != len(chain):
        raise ValueError("not a certificate")
    return decoded


def issuers(chain: Sequence[bytes], trusted: Sequence[bytes]) -> tuple[bytes, ...]:
    """Return the leaf and its issuers as far as known: from what was sent, then what is trusted."""
    context = _question(_NO_CHECK_TIME, security_level=0)
    # Node looks into the sent chain first. OpenSSL does so with this flag off.
    _set_flags(context, int(context.verify_flags) & ~_TRUSTED_FIRST)
    for certificate in trusted:
        context.load_verify_locations(cadata=certificate)
    return _ask(context, chain).built or tuple(chain[:1])


@functools.cache
def _decoder() -> ssl.SSLContext:
    context = _question(0, security_level=0)
    context.verify_mode = ssl.CERT_NONE
    return context


# --- Asking again ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Terms:
    """How lenient a question is. The anchor is trusted, so P1 is always excused."""

    flags: int
    security_level: int
    anchor: bytes

    def excusing(self, problem: int) -> _Terms | None:
        """Return terms under which OpenSSL goes past a problem; None if there are none."""
        if problem in _UNTRUSTED:
            return self
        if problem in _WEAK:
            return replace(self, security_level=0)
        if problem == CRITICAL_EXTENSION:
            return replace(self, flags=self.flags | _IGNORE_CRITICAL)
        if problem in _STRICTNESS:
            return replace(self, flags=self.flags & ~_STRICT)
        # Dates of CRLs first: then a revoked certificate behind an expired list is seen, too.
        if problem in _DATES or problem in {CRL_NOT_YET_VALID, CRL_EXPIRED}:
            return replace(self, flags=self.flags | _NO_CHECK_TIME)
        if problem in _REVOCATION:
            return replace(self, flags=self.flags & ~_CRL_CHECK)
        return None


def _last(problems: list[int], built: tuple[bytes, ...], *, skip_top: bool, alone: bool) -> int:
    """Choose the problem that comes last in OpenSSL's order (see the top of this module)."""
    code = problems[0]
    for problem in problems:
        if problem == INVALID_CA:
            code = INVALID_PURPOSE  # it follows at once: no CA has the purpose of one
        elif problem in _REVOCATION:
            # The list that says whether the leaf is revoked also speaks for a root that issued it,
            # and the root is checked last: an expired list has the last word (measured: 12 23 12).
            if not (code in {CRL_NOT_YET_VALID, CRL_EXPIRED} and len(built) <= 2):
                code = problem
        elif problem in _UNTRUSTED and LEAF_KEY_WEAK in problems:
            pass  # a callback that lets OpenSSL run on hears of the weak key again, after this
        elif problem not in _DATES | _SIGNATURES | _NAME_CONSTRAINTS:
            code = problem
    if alone:
        code = LEAF_UNVERIFIED
    date, depth = _date_problem(problems, built, skip_top=skip_top)
    signature = next((problem for problem in problems if problem in _SIGNATURES), 0)
    if signature and not (date and depth <= _bad_signature_depth(built)):
        code = signature
    elif date:
        code = date
    return next((problem for problem in problems if problem in _NAME_CONSTRAINTS), code)


def _date_problem(
    problems: list[int], built: tuple[bytes, ...], *, skip_top: bool
) -> tuple[int, int]:
    """Return code and depth of the certificate nearest to the leaf that is outside its dates.

    OpenSSL does not look at the dates of a top certificate whose issuer it wanted and did not find.
    """
    now = time.time()
    try:
        decoded = decode(built)
    except ValueError:  # text that is no text: OpenSSL's own complaint must do
        return next((problem for problem in problems if problem in _DATES), 0), 0
    if skip_top and len(decoded) > 1:
        decoded = decoded[:-1]
    for depth, certificate in enumerate(decoded):
        if ssl.cert_time_to_seconds(str(certificate["notBefore"])) > now:
            return NOT_YET_VALID, depth
        if ssl.cert_time_to_seconds(str(certificate["notAfter"])) <= now:
            return EXPIRED, depth
    return 0, 0


def _bad_signature_depth(built: tuple[bytes, ...]) -> int:
    """Find the bad certificate nearest to the leaf: trusting its issuer, it still fails."""
    for depth, anchor in enumerate(built[1:]):
        flags = _PARTIAL_CHAIN | _NO_CHECK_TIME | _IGNORE_CRITICAL
        context = _question(flags, security_level=0)
        context.load_verify_locations(cadata=anchor)
        if _ask(context, built).code in _SIGNATURES:
            return depth
    return len(built)


# --- The question ---------------------------------------------------------------------------------


class _Answer(NamedTuple):
    code: int
    """0 if the chain is good."""
    built: tuple[bytes, ...]
    """Leaf to root, as far as OpenSSL came; () if it did not even try."""


def _question(flags: int, *, security_level: int) -> ssl.SSLContext:
    """Make a context for `_ask` that trusts nobody yet."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(f"{_SUITES}:@SECLEVEL={security_level}")
    _set_flags(context, _TRUSTED_FIRST | flags)
    return context


def _set_flags(context: ssl.SSLContext, flags: int) -> None:
    # The setter of CPython takes any integer; only its type says VerifyFlags.
    context.verify_flags = ssl.VerifyFlags(flags)


def _ask(context: ssl.SSLContext, chain: Sequence[bytes], hostname: str | None = None) -> _Answer:
    """Have OpenSSL verify a chain (DER, leaf first) with the trust and flags of a context."""
    for suite in (_RSA_SUITE, _ECDSA_SUITE):
        connection, failure = _feed(context, chain, suite, hostname)
        code = _code_of(failure)
        if failure.reason != "WRONG_CERTIFICATE_TYPE":
            break
    return _Answer(code, _cpython.built_chain(connection))


def _code_of(failure: ssl.SSLError) -> int:
    if isinstance(failure, ssl.SSLWantReadError):
        return 0
    if isinstance(failure, ssl.SSLCertVerificationError):
        return failure.verify_code
    return UNSPECIFIED  # not verified: not readable, or larger than OpenSSL accepts


def _feed(
    context: ssl.SSLContext, chain: Sequence[bytes], suite: bytes, hostname: str | None
) -> tuple[ssl.SSLObject, ssl.SSLError]:
    """Start a client, answer with ServerHello and Certificate; return it and how it stopped."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    connection = context.wrap_bio(incoming, outgoing, server_hostname=hostname)
    failure: ssl.SSLError | None = None
    for flight in (b"", _server_flight(chain, suite)):
        incoming.write(flight)
        try:
            connection.do_handshake()
        except ssl.SSLError as exc:
            failure = exc
    assert failure is not None, "a handshake cannot end without a key exchange"
    return connection, failure.with_traceback(None)


def _server_flight(chain: Sequence[bytes], suite: bytes) -> bytes:
    """Write what a TLS 1.2 server says first. RFC 5246 sections 7.4.1.3 and 7.4.2."""
    certificates = b"".join(_vector(certificate, 3) for certificate in chain)
    hello = (
        b"\x03\x03"  # TLS 1.2
        + os.urandom(32)
        + _vector(b"", 1)  # no session
        + suite
        + b"\x00"  # no compression
        # renegotiation_info, which OpenSSL 3 insists on. RFC 5746 section 3.4
        + _vector(b"\xff\x01" + _vector(_vector(b"", 1), 2), 2)
    )
    messages = b"\x02" + _vector(hello, 3) + b"\x0b" + _vector(_vector(certificates, 3), 3)
    size = 2**14  # of a record's content. RFC 5246 section 6.2.1
    return b"".join(
        b"\x16\x03\x03" + _vector(messages[at : at + size], 2)
        for at in range(0, len(messages), size)
    )


def _vector(content: bytes, length_size: int) -> bytes:
    return len(content).to_bytes(length_size, "big") + content
