"""Facts about error codes, as tables: one row per fact, and no second copy anywhere.

Imports nothing, and nothing but `errors.py` should need it. The tables are text because rows of
prose are easier to read, search and mend that way; they are parsed once, at import.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, cast

__all__ = ["ALERTS", "CODES", "LIBRARIES", "NEGOTIATION_HINT", "VERDICTS", "Category", "Code"]

Category = Literal["certificate", "negotiation", "network", "options", "stream"]


class Code(NamedTuple):
    """What is known about one code; `message` is used where nothing more exact is known."""

    category: Category
    message: str
    hint: str
    temporary: bool = False


# Sentences that several hints share.
_SENTENCES = {
    "caution": (
        "If this is unexpected, a proxy, a virus scanner or an attacker may be answering in the"
        " server's place: compare error.chain with what its operator says, and use"
        " reject_unauthorized=False for diagnosis only."
    ),
    "diagnosis": (
        "reject_unauthorized=False shows what the server presents, but is for diagnosis only."
    ),
    "clock": "check the clock of this machine too",
    "crl": "Fetch a current revocation list from the issuer and pass it with crl=.",
}

# A row: category, code (several share a row, `+` continues them), whether a retry is worth while;
# `=` the default message; then the hint. Messages about certificates are in VERDICTS, and those
# about negotiation come from OpenSSL. Our own codes are ERR_UNKNOWN_OPTION, ERR_UNSUPPORTED_OPTION
# and ERR_SSL_UNKNOWN_ALERT_TYPE; all others are Node's or libuv's.
_CODES = """
certificate UNABLE_TO_GET_ISSUER_CERT
    The issuer of a certificate in `ca` is missing: add its root to ca=, or pass ca='system' if
    the root CA is installed on this machine. {diagnosis}
certificate UNABLE_TO_GET_ISSUER_CERT_LOCALLY
    The issuer of the server's chain is not among the trusted roots: pass its root certificate
    with ca= (or ca='system' if it is installed on this machine). {caution}
certificate UNABLE_TO_VERIFY_LEAF_SIGNATURE
    The server sent its certificate without the intermediate, or its issuer is unknown here: the
    server should send the full chain; or pass the missing certificates with ca= (ca='system' if
    the root CA is installed on this machine). {caution}
certificate DEPTH_ZERO_SELF_SIGNED_CERT
    The server presents a self-signed certificate: if it is the one you expect, pass that very
    certificate with ca= (ca='system' if it is installed on this machine). {caution}
certificate SELF_SIGNED_CERT_IN_CHAIN
    The chain ends in a root that is not trusted here: if it is your own CA, pass its root with
    ca= (or ca='system' if it is installed on this machine). {caution}
certificate CERT_HAS_EXPIRED
    A certificate of the chain has run out: the server's operator must renew it; {clock}.
    {diagnosis}
certificate CERT_NOT_YET_VALID
    A certificate of the chain is valid only from a later date on: {clock}, else the server's
    operator must install one that is valid now. {diagnosis}
certificate CERT_REVOKED
    The issuer has withdrawn this certificate, perhaps because its key was stolen: do not trust
    it; the server's operator must install a new one.
certificate CERT_SIGNATURE_FAILURE
    A certificate is damaged, or was not made by the issuer it names: do not trust it. {caution}
certificate CERT_CHAIN_TOO_LONG
    The server sends more intermediates than are followed; its chain needs fixing.
certificate CERT_UNTRUSTED
    The root is marked as not trusted for servers. {caution}
certificate CERT_REJECTED
    The root is marked as rejected for servers. {caution}
certificate INVALID_PURPOSE
    The certificate (or one of its issuers) was not made for servers: it needs the serverAuth
    purpose, and issuers must be CA certificates. The server may be using a client certificate by
    mistake.
certificate INVALID_CA
    An issuer in the chain is not a CA certificate; the server's chain needs fixing.
certificate PATH_LENGTH_EXCEEDED
    A CA in the chain has issued further below itself than its own issuer allows; the chain needs
    fixing.
certificate UNABLE_TO_GET_CRL
    With crl= every certificate of the chain needs a revocation list of its issuer, and one is
    missing: pass them all with crl=.
certificate CRL_HAS_EXPIRED
    A revocation list is out of date. {crl}
certificate CRL_NOT_YET_VALID
    A revocation list is valid only from a later date on; {clock}. {crl}
certificate CRL_SIGNATURE_FAILURE
    A revocation list is damaged or was made by somebody else. {crl}
certificate HOSTNAME_MISMATCH
    The certificate is for other names: check the host name you connect to, or name the one to
    expect with servername=. {caution}
certificate OUT_OF_MEM (temporary)
    OpenSSL ran out of memory while verifying; try again.
certificate UNSPECIFIED
    OpenSSL refused the chain for the reason in the message; its certificates are in error.chain.
    {diagnosis}
certificate UNABLE_TO_DECRYPT_CERT_SIGNATURE UNABLE_TO_DECRYPT_CRL_SIGNATURE
    + UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY ERROR_IN_CERT_NOT_BEFORE_FIELD
    + ERROR_IN_CERT_NOT_AFTER_FIELD ERROR_IN_CRL_LAST_UPDATE_FIELD ERROR_IN_CRL_NEXT_UPDATE_FIELD
    A certificate or revocation list cannot be read; it must be made anew. {diagnosis}
certificate ERR_TLS_CERT_ALTNAME_INVALID
    = Hostname/IP does not match certificate's altnames
    The certificate is for other names, listed in the message: check the host name you connect to,
    or name the one to expect with servername= (IP addresses must be in the certificate too).
    {caution}
certificate ERR_TLS_CERT_ALTNAME_FORMAT
    = Invalid subject alternative name string
    The list of names in the certificate is malformed.
negotiation ERR_SSL_WRONG_VERSION_NUMBER
    What answers on this port does not speak TLS (any more): a plain-text service, an HTTP proxy, or
    a protocol that must be switched to TLS first (STARTTLS). Check the port.
negotiation ERR_SSL_UNSUPPORTED_PROTOCOL
    The server chose a TLS version outside min_version and max_version: widen them if you must
    (TLS 1.0 and 1.1 also need ciphers='DEFAULT@SECLEVEL=0'), or have the server updated.
negotiation ERR_SSL_NO_PROTOCOLS_AVAILABLE
    No TLS version is left to offer: min_version is above max_version, or the security level in
    ciphers forbids all between them.
negotiation ERR_SSL_NO_CIPHERS_AVAILABLE
    None of the ciphers fits the TLS versions between min_version and max_version: widen one of
    them.
options ERR_SSL_NO_CIPHER_MATCH
    = no cipher match
    No cipher in the list is known here: check the spelling (names are OpenSSL's, in capitals)
    against tlsevents.get_ciphers().
options ERR_SSL_INVALID_COMMAND
    = invalid command
    Check the @SECLEVEL part of ciphers: 0 to 5 are allowed.
negotiation ERR_SSL_UNSAFE_LEGACY_RENEGOTIATION_DISABLED
    The server is too old to renegotiate safely (RFC 5746); it should be updated.
    secure_options=4 (OP_LEGACY_SERVER_CONNECT) talks to it all the same.
negotiation ERR_SSL_DH_KEY_TOO_SMALL
    The server's Diffie-Hellman group is too weak: prefer ECDHE ciphers, or have the server
    updated.
negotiation ERR_TLS_DH_PARAM_SIZE
    = DH parameter size is too small
    The server's Diffie-Hellman group is below min_dh_size: prefer ECDHE ciphers, or have the
    server updated.
negotiation ERR_TLS_RENEGOTIATION_DISABLED
    = TLS session renegotiation disabled for this socket
    The server wanted another handshake on the same connection, which disable_renegotiation()
    forbids: change the server, or do not call it.
negotiation ERR_SSL_PSK_IDENTITY_NOT_FOUND
    psk_callback had no key for this server: check what it returns for the server's identity hint.
negotiation ERR_SSL_UNEXPECTED_EOF_WHILE_READING (temporary)
    The connection ended without the TLS closing message, so data may be missing: a firewall or
    proxy may have cut it, or the server crashed.
negotiation ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE ERR_SSL_TLSV1_ALERT_INSUFFICIENT_SECURITY
    The server accepts none of the TLS versions and ciphers offered: widen min_version, max_version
    or ciphers. Some servers say so too when they miss a client certificate (cert=, key=) or the
    server name (servername=).
negotiation ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION
    The server speaks none of the TLS versions between min_version and max_version: widen them if
    you must (TLS 1.0 and 1.1 also need ciphers='DEFAULT@SECLEVEL=0'), or have the server updated.
negotiation ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED ERR_SSL_SSL/TLS_ALERT_NO_CERTIFICATE
    The server wants a client certificate: pass one that it accepts with cert= and key=.
negotiation ERR_SSL_TLSV1_ALERT_UNKNOWN_CA
    The server does not trust the issuer of your client certificate: have its operator add that CA,
    or pass another certificate (with its intermediates) with cert= and key=.
negotiation ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE ERR_SSL_SSL/TLS_ALERT_UNSUPPORTED_CERTIFICATE
    + ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_UNKNOWN ERR_SSL_TLSV1_ALERT_ACCESS_DENIED
    The server did not accept your client certificate, or wants one: check cert= and key=, and that
    cert= holds the intermediates; the server's log may say more.
negotiation ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_EXPIRED
    Your client certificate has run out (or the server's clock is wrong): renew it.
negotiation ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_REVOKED
    Your client certificate has been withdrawn by its issuer: get a new one.
negotiation ERR_SSL_TLSV1_ALERT_DECRYPT_ERROR
    The server could not verify a signature: check that key= belongs to cert=; else suspect damage
    on the way.
negotiation ERR_SSL_TLSV1_UNRECOGNIZED_NAME
    The server does not serve that name: check host, or the name in servername=.
negotiation ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL
    The server speaks none of the protocols in alpn_protocols: offer another one, or leave it out.
negotiation ERR_SSL_TLSV1_ALERT_UNKNOWN_PSK_IDENTITY
    The server does not know the identity that psk_callback gave.
negotiation ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR (temporary)
    The server failed for a reason of its own; its log should say why, and a later try may succeed.
negotiation ERR_SSL_TLSV1_ALERT_INAPPROPRIATE_FALLBACK
    The server supports a newer TLS version than the one offered and suspects an attack: do not
    lower max_version.
negotiation ERR_SSL_SSL/TLS_ALERT_BAD_RECORD_MAC ERR_SSL_TLSV1_ALERT_DECODE_ERROR
    + ERR_SSL_TLSV1_ALERT_RECORD_OVERFLOW ERR_SSL_TLSV1_ALERT_DECRYPTION_FAILED
    The server received something damaged; if it happens again, suspect a proxy or a faulty device.
negotiation ERR_SSL_CALLED_A_FUNCTION_YOU_SHOULD_NOT_CALL
    secure_protocol names a method for servers: leave it out and use min_version and max_version.
negotiation ERR_SSL_UNKNOWN_ALERT_TYPE
    The server refused with an alert that has no assigned name; its log should say why.
negotiation ERR_SSL_EE_KEY_TOO_SMALL ERR_SSL_CA_KEY_TOO_SMALL ERR_SSL_CA_MD_TOO_WEAK
    OpenSSL's security level refuses it; the server needs a new certificate (RSA 2048 bits or
    more, SHA-256 or better).
negotiation ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC ERR_SSL_BAD_RECORD_TYPE
    + ERR_SSL_DATA_LENGTH_TOO_LONG ERR_SSL_CIPHER_OPERATION_FAILED
    A TLS record arrived damaged or was tampered with on the way; if it happens again, suspect a
    proxy or a faulty device.
network ENOTFOUND
    = getaddrinfo ENOTFOUND
    The name is not known: check its spelling, and the DNS servers and search domains of this
    machine.
network EAI_AGAIN (temporary)
    = getaddrinfo EAI_AGAIN
    The DNS server did not answer: check the network connection; a later try may succeed.
network EAI_FAIL
    = getaddrinfo EAI_FAIL
    The DNS server reports a lasting failure for this name.
network EAI_MEMORY (temporary)
    = getaddrinfo EAI_MEMORY
    The resolver ran out of memory; try again.
network EAI_FAMILY
    = getaddrinfo EAI_FAMILY
    This machine cannot resolve addresses of that family: leave out family=.
network EAI_SERVICE
    = getaddrinfo EAI_SERVICE
    The port is not one that this machine's resolver accepts.
network ERR_INVALID_IP_ADDRESS
    = Invalid IP address
    Expected the text form of an IPv4 or IPv6 address, from the lookup or in local_address.
network ERR_INVALID_ADDRESS_FAMILY
    = Invalid address family
    The lookup must answer family 4 or 6 with each address.
network ECONNREFUSED (temporary)
    = connect ECONNREFUSED
    Nothing listens there, or a firewall refuses: check host and port, and that the server is
    running.
network ECONNRESET (temporary)
    = read ECONNRESET
    The other side (or a firewall or proxy between) dropped the connection. During the handshake
    this often means that the server does not speak TLS on this port, or dislikes versions,
    ciphers or the server name.
network ECONNABORTED (temporary)
    = connect ECONNABORTED
    This machine's network gave the connection up.
network EPIPE (temporary)
    = write EPIPE
    The other side had closed the connection already; what was written last did not arrive.
network ETIMEDOUT (temporary)
    = connect ETIMEDOUT
    No answer at all: check the address, and whether a firewall or a missing proxy setting keeps
    packets from arriving.
network EHOSTUNREACH (temporary)
    = connect EHOSTUNREACH
    No way to that host: check network, VPN and firewall.
network ENETUNREACH (temporary)
    = connect ENETUNREACH
    No route to that network: check the network connection; for an IPv6 address this machine may
    have IPv4 only (family=4).
network ENETDOWN (temporary)
    = connect ENETDOWN
    The network of this machine is down.
network EHOSTDOWN (temporary)
    = connect EHOSTDOWN
    The host is down.
network EADDRINUSE (temporary)
    = bind EADDRINUSE
    The local port is taken: choose another local_port, or leave it out.
network EADDRNOTAVAIL
    = bind EADDRNOTAVAIL
    local_address is not an address of this machine, or all its ports are in use.
network EAFNOSUPPORT
    = connect EAFNOSUPPORT
    This machine does not support addresses of that family.
network EMFILE (temporary)
    = connect EMFILE
    Too many files and sockets are open: close some, or raise the limit.
network ENFILE (temporary)
    = connect ENFILE
    Too many files are open on this machine.
network ENOBUFS (temporary)
    = connect ENOBUFS
    The system is out of network buffers.
network ENOTSUP
    = connect ENOTSUP
    This system does not support that kind of connection.
network EPROTO
    = write EPROTO
    A protocol error was reported by the network layer.
network UNKNOWN
    = unknown error
    The operating system gave no reason; error.__cause__ is what it reported.
network ERR_TLS_HANDSHAKE_TIMEOUT (temporary)
    = TLS handshake timeout
    The server did not finish the handshake in time: it may be overloaded, a firewall may drop
    packets, or it does not speak TLS on this port. handshake_timeout= sets the limit.
network ERR_SOCKET_CONNECTION_TIMEOUT (temporary)
    = Socket connection timeout
    No address answered in time.
options ENOENT
    = open ENOENT
    The file (or Unix socket) does not exist: check the path, relative ones start at the current
    directory. A str is read as content only if it contains '-----BEGIN'.
options EACCES
    = open EACCES
    This process may not read that file or use that address: check its permissions.
options EPERM
    = open EPERM
    The system does not permit this; a firewall or sandbox may be the cause.
options EISDIR
    = open EISDIR
    A directory was given where a file is needed.
options ENOTDIR
    = open ENOTDIR
    A part of the path is not a directory.
options ENAMETOOLONG
    = open ENAMETOOLONG
    The path is too long; was content meant? Pass it as bytes.
options ERR_INVALID_ARG_TYPE
    = Wrong type
    Correct the option that the message names; nothing has been connected yet.
options ERR_INVALID_ARG_VALUE
    = Wrong value
    Correct the option that the message names; nothing has been connected yet.
options ERR_OUT_OF_RANGE
    = Value out of range
    Correct the option that the message names; nothing has been connected yet.
options ERR_MISSING_ARGS
    = The "options" or "port" or "path" argument must be specified
    Say where to connect to: host and port, path (a Unix socket), or socket (a connection that
    exists already).
options ERR_SOCKET_BAD_PORT
    = Port should be >= 0 and < 65536
    A port is a whole number from 0 to 65535.
options ERR_UNKNOWN_OPTION
    = Unknown option
    An options mapping has Node's names and milliseconds; keywords have Python's names and
    seconds.
options ERR_UNSUPPORTED_OPTION
    = Unsupported option
    Leave the option out, or do what the message says.
options ERR_TLS_INVALID_CONTEXT
    = context must be a SecureContext
    Make it with tlsevents.create_secure_context(); an ssl.SSLContext goes into context= instead.
options ERR_TLS_INVALID_PROTOCOL_VERSION
    = Not a valid TLS protocol version
    Use 'TLSv1', 'TLSv1.1', 'TLSv1.2' or 'TLSv1.3'.
options ERR_TLS_INVALID_PROTOCOL_METHOD
    = Unknown method
    Leave secure_protocol out and use min_version and max_version.
options ERR_TLS_PROTOCOL_VERSION_CONFLICT
    = TLS protocol version conflicts with secureProtocol
    Use min_version and max_version, without secure_protocol.
options ERR_CRYPTO_OPERATION_FAILED
    = Operation failed
    OpenSSL could not use the option's content; check its format.
options ERR_OSSL_PEM_NO_START_LINE
    = no start line
    There is no PEM block ('-----BEGIN ...') in it: DER content must be converted to PEM first.
options ERR_OSSL_PEM_PEM_LIB
    = pem lib
    A PEM file or text cannot be used: it is incomplete, not PEM at all, or encrypted with another
    passphrase.
options ERR_OSSL_PEM_BAD_END_LINE
    = bad end line
    A PEM block is cut off or its END line is damaged.
options ERR_OSSL_PEM_BAD_BASE64_DECODE
    = bad base64 decode
    The text between BEGIN and END is damaged.
options ERR_OSSL_X509_KEY_VALUES_MISMATCH
    = key values mismatch
    key= is not the private key of the first certificate in cert=: check that they belong
    together, and that cert= starts with your own certificate.
options ERR_OSSL_ASN1_WRONG_TAG ERR_OSSL_ASN1_NOT_ENOUGH_DATA
    The content is damaged, or not of the format that the option takes.
options ERR_OSSL_BAD_DECRYPT
    = bad decrypt
    The passphrase is missing or wrong for this encrypted key.
options ERR_OSSL_CRYPTO_INTERRUPTED_OR_CANCELLED
    = interrupted or cancelled
    The passphrase cannot be used: is it too long?
options ERR_OSSL_UNSUPPORTED
    = unsupported
    The key cannot be read: it must be a PEM private key, and complete.
stream ERR_STREAM_WRITE_AFTER_END
    = write after end
    end() was called before; write everything first.
stream ERR_STREAM_DESTROYED
    = Cannot call write after a stream was destroyed
    The socket is no longer in a state that allows this; look at destroyed and ready_state first.
stream ERR_STREAM_ALREADY_FINISHED
    = Cannot call end after a stream was finished
    The socket is no longer in a state that allows this; look at destroyed and ready_state first.
stream ERR_STREAM_NULL_VALUES
    = May not write null values to stream
    Write bytes or str; end() ends the stream.
stream ERR_STREAM_PREMATURE_CLOSE (temporary)
    = Premature close
    The stream was closed before it had ended; what was received may be incomplete.
stream ERR_STREAM_WRAP
    = Stream has StringDecoder set or is in objectMode
    Run TLS only over a stream of bytes: no set_encoding().
stream ERR_UNKNOWN_ENCODING
    = Unknown encoding
    Use a text encoding that Python's codecs know, such as 'utf-8'.
stream ERR_SOCKET_CONNECTING
    = Cannot call connect on a socket that is in use
    Make a new one with connect(), or wait for close first.
stream ERR_INVALID_HANDLE_TYPE
    = This handle type cannot be sent
    A TLS connection cannot be reset from here; use destroy().
stream ERR_SOCKET_CLOSED
    = Socket is closed
    The socket is no longer in a state that allows this; look at destroyed and ready_state first.
stream ERR_SOCKET_CLOSED_BEFORE_CONNECTION
    = Socket closed before the connection was established
    The socket is no longer in a state that allows this; look at destroyed and ready_state first.
stream ERR_TLS_INVALID_STATE
    = TLS socket connection must be securely established
    Wait for secureConnect (await socket) first.
stream EBADF
    = write EBADF
    The socket was destroyed before this was written.
stream ECANCELED
    = write ECANCELED Canceled because of SSL destruction
    The socket failed before this was written.
stream ABORT_ERR
    = The operation was aborted
    The operation was cancelled by this program.
"""

# What to say about an `ERR_SSL_` code that has no row.
NEGOTIATION_HINT = (
    "The two sides could not agree on a TLS connection, or a message made no sense: compare TLS"
    " versions, ciphers and certificates on both sides; the server's log may say more."
)

# X509_V_ERR number, Node's code, OpenSSL's text. Node names only some; `-` is its UNSPECIFIED.
_VERDICTS = """
1 - unspecified certificate verification error
2 UNABLE_TO_GET_ISSUER_CERT unable to get issuer certificate
3 UNABLE_TO_GET_CRL unable to get certificate CRL
4 UNABLE_TO_DECRYPT_CERT_SIGNATURE unable to decrypt certificate's signature
5 UNABLE_TO_DECRYPT_CRL_SIGNATURE unable to decrypt CRL's signature
6 UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY unable to decode issuer public key
7 CERT_SIGNATURE_FAILURE certificate signature failure
8 CRL_SIGNATURE_FAILURE CRL signature failure
9 CERT_NOT_YET_VALID certificate is not yet valid
10 CERT_HAS_EXPIRED certificate has expired
11 CRL_NOT_YET_VALID CRL is not yet valid
12 CRL_HAS_EXPIRED CRL has expired
13 ERROR_IN_CERT_NOT_BEFORE_FIELD format error in certificate's notBefore field
14 ERROR_IN_CERT_NOT_AFTER_FIELD format error in certificate's notAfter field
15 ERROR_IN_CRL_LAST_UPDATE_FIELD format error in CRL's lastUpdate field
16 ERROR_IN_CRL_NEXT_UPDATE_FIELD format error in CRL's nextUpdate field
17 OUT_OF_MEM out of memory
18 DEPTH_ZERO_SELF_SIGNED_CERT self-signed certificate
19 SELF_SIGNED_CERT_IN_CHAIN self-signed certificate in certificate chain
20 UNABLE_TO_GET_ISSUER_CERT_LOCALLY unable to get local issuer certificate
21 UNABLE_TO_VERIFY_LEAF_SIGNATURE unable to verify the first certificate
22 CERT_CHAIN_TOO_LONG certificate chain too long
23 CERT_REVOKED certificate revoked
24 - issuer certificate doesn't have a public key
25 PATH_LENGTH_EXCEEDED path length constraint exceeded
26 INVALID_PURPOSE unsuitable certificate purpose
27 CERT_UNTRUSTED certificate not trusted
28 CERT_REJECTED certificate rejected
29 - subject issuer mismatch
30 - authority and subject key identifier mismatch
31 - authority and issuer serial number mismatch
32 - key usage does not include certificate signing
33 - unable to get CRL issuer certificate
34 - unhandled critical extension
35 - key usage does not include CRL signing
36 - unhandled critical CRL extension
37 - invalid non-CA certificate (has CA markings)
38 - proxy path length constraint exceeded
39 - key usage does not include digital signature
40 - proxy certificates not allowed, please set the appropriate flag
41 - invalid or inconsistent certificate extension
42 - invalid or inconsistent certificate policy extension
43 - no explicit policy
44 - different CRL scope
45 - unsupported extension feature
46 - RFC 3779 resource not subset of parent's resources
47 - permitted subtree violation
48 - excluded subtree violation
49 - name constraints minimum and maximum not supported
50 - application verification failure
51 - unsupported name constraint type
52 - unsupported or invalid name constraint syntax
53 - unsupported or invalid name syntax
54 - CRL path validation error
55 - path loop
56 - Suite B: certificate version invalid
57 - Suite B: invalid public key algorithm
58 - Suite B: invalid ECC curve
59 - Suite B: invalid signature algorithm
60 - Suite B: curve not allowed for this LOS
61 - Suite B: cannot sign P-384 with P-256
62 HOSTNAME_MISMATCH hostname mismatch
63 - email address mismatch
64 - IP address mismatch
65 - no matching DANE TLSA records
66 - EE certificate key too weak
67 - CA certificate key too weak
68 - CA signature digest algorithm too weak
69 - invalid certificate verification context
70 - issuer certificate lookup error
71 - Certificate Transparency required, but no valid SCTs found
72 - proxy subject name violation
73 - OCSP verification needed
74 - OCSP verification failed
75 - OCSP unknown cert
76 - Cannot find certificate signature algorithm
77 - subject signature algorithm and issuer public key algorithm mismatch
78 - cert info signature and signature algorithm mismatch
79 INVALID_CA invalid CA certificate
80 - Path length invalid for non-CA cert
81 - Path length given without key usage keyCertSign
82 - Key usage keyCertSign invalid for non-CA cert
83 - Issuer name empty
84 - Subject name empty
85 - Missing Authority Key Identifier
86 - Missing Subject Key Identifier
87 - Empty Subject Alternative Name extension
88 - Subject empty and Subject Alt Name extension not critical
89 - Basic Constraints of CA cert not marked critical
90 - Authority Key Identifier marked critical
91 - Subject Key Identifier marked critical
92 - CA cert does not include key usage extension
93 - Using cert extension requires at least X509v3
94 - Certificate public key has explicit ECC parameters
95 - Raw public key untrusted, no trusted keys configured
"""

# Alert number, its name in RFC 8446 section 6 (or the older RFC that defined it), and the reason as
# OpenSSL 3.2 and newer spell it. Up to 3.1 those with SSL/TLS_ALERT_ said SSLV3_ALERT_.
_ALERTS = """
10 unexpected_message SSL/TLS_ALERT_UNEXPECTED_MESSAGE
20 bad_record_mac SSL/TLS_ALERT_BAD_RECORD_MAC
21 decryption_failed TLSV1_ALERT_DECRYPTION_FAILED
22 record_overflow TLSV1_ALERT_RECORD_OVERFLOW
30 decompression_failure SSL/TLS_ALERT_DECOMPRESSION_FAILURE
40 handshake_failure SSL/TLS_ALERT_HANDSHAKE_FAILURE
41 no_certificate SSL/TLS_ALERT_NO_CERTIFICATE
42 bad_certificate SSL/TLS_ALERT_BAD_CERTIFICATE
43 unsupported_certificate SSL/TLS_ALERT_UNSUPPORTED_CERTIFICATE
44 certificate_revoked SSL/TLS_ALERT_CERTIFICATE_REVOKED
45 certificate_expired SSL/TLS_ALERT_CERTIFICATE_EXPIRED
46 certificate_unknown SSL/TLS_ALERT_CERTIFICATE_UNKNOWN
47 illegal_parameter SSL/TLS_ALERT_ILLEGAL_PARAMETER
48 unknown_ca TLSV1_ALERT_UNKNOWN_CA
49 access_denied TLSV1_ALERT_ACCESS_DENIED
50 decode_error TLSV1_ALERT_DECODE_ERROR
51 decrypt_error TLSV1_ALERT_DECRYPT_ERROR
60 export_restriction TLSV1_ALERT_EXPORT_RESTRICTION
70 protocol_version TLSV1_ALERT_PROTOCOL_VERSION
71 insufficient_security TLSV1_ALERT_INSUFFICIENT_SECURITY
80 internal_error TLSV1_ALERT_INTERNAL_ERROR
86 inappropriate_fallback TLSV1_ALERT_INAPPROPRIATE_FALLBACK
90 user_canceled TLSV1_ALERT_USER_CANCELLED
100 no_renegotiation TLSV1_ALERT_NO_RENEGOTIATION
109 missing_extension TLSV13_ALERT_MISSING_EXTENSION
110 unsupported_extension TLSV1_UNSUPPORTED_EXTENSION
111 certificate_unobtainable TLSV1_CERTIFICATE_UNOBTAINABLE
112 unrecognized_name TLSV1_UNRECOGNIZED_NAME
113 bad_certificate_status_response TLSV1_BAD_CERTIFICATE_STATUS_RESPONSE
114 bad_certificate_hash_value TLSV1_BAD_CERTIFICATE_HASH_VALUE
115 unknown_psk_identity TLSV1_ALERT_UNKNOWN_PSK_IDENTITY
116 certificate_required TLSV13_ALERT_CERTIFICATE_REQUIRED
120 no_application_protocol TLSV1_ALERT_NO_APPLICATION_PROTOCOL
"""

# OpenSSL's libraries: CPython's short name, OpenSSL's text (which Node shows).
LIBRARIES = {
    "ASN1": "asn1 encoding routines",
    "BIO": "BIO routines",
    "BN": "bignum routines",
    "DH": "Diffie-Hellman routines",
    "EC": "elliptic curve routines",
    "EVP": "digital envelope routines",
    "PEM": "PEM routines",
    "PKCS7": "PKCS7 routines",
    "PKCS12": "PKCS12 routines",
    "PROV": "Provider routines",
    "RSA": "rsa routines",
    "SSL": "SSL routines",
    "SYS": "system library",
    "X509": "x509 certificate routines",
    "X509V3": "X509 V3 routines",
}


def _read_codes(text: str) -> dict[str, Code]:
    """Read the table of codes; the shape of the text is explained above it."""
    rows: list[tuple[list[str], list[str], list[str]]] = []
    for line in text.strip().splitlines():
        if not line.startswith(" "):
            rows.append((line.split(), [], []))
        elif line.startswith("    + "):
            rows[-1][0].extend(line.split()[1:])
        elif line.startswith("    = "):
            rows[-1][1].append(line[6:])
        else:
            rows[-1][2].append(line.strip())
    codes: dict[str, Code] = {}
    for (category, *names), message, hint in rows:
        temporary = names[-1] == "(temporary)"
        row = Code(
            cast("Category", category),
            " ".join(message),
            " ".join(hint).format(**_SENTENCES),
            temporary,
        )
        codes.update(dict.fromkeys(names[:-1] if temporary else names, row))
    return codes


def _read_numbered(text: str) -> dict[int, tuple[str, str]]:
    rows = (line.split(" ", 2) for line in text.strip().splitlines())
    return {int(number): (first, second) for number, first, second in rows}


CODES = _read_codes(_CODES)
VERDICTS = {
    number: ("UNSPECIFIED" if code == "-" else code, message)
    for number, (code, message) in _read_numbered(_VERDICTS).items()
}
ALERTS = _read_numbered(_ALERTS)
