"""Node's names for text encodings, and Node's manners in reading and writing them.

Decoding is incremental: what is cut in the middle of a character waits for the rest.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import re
from typing import Final, Protocol

from tlsevents.errors import options_error

__all__ = ["Decoder", "encode", "encode_utf8", "encoding_name", "make_decoder"]


class Decoder(Protocol):
    """Turns bytes into text, piece by piece."""

    def decode(self, data: bytes, /, final: bool = ...) -> str:
        """Decode what is complete; with `final`, also what is left."""
        ...


class _HexDecoder:
    def decode(self, data: bytes, final: bool = False) -> str:  # noqa: ARG002
        return data.hex()


class _Base64Decoder:
    """Holds back what does not fill a group of three bytes, as Node's StringDecoder does."""

    def __init__(self, *, url: bool) -> None:
        self._rest = b""
        self._url = url

    def decode(self, data: bytes, final: bool = False) -> str:
        data = self._rest + data
        whole = len(data) if final else len(data) - len(data) % 3
        self._rest = data[whole:]
        if self._url:
            return base64.urlsafe_b64encode(data[:whole]).decode().rstrip("=")
        return base64.b64encode(data[:whole]).decode()


class _AsciiDecoder:
    def decode(self, data: bytes, final: bool = False) -> str:  # noqa: ARG002
        return bytes(byte & 0x7F for byte in data).decode("ascii")


# Node's names for encodings; everything else is unknown to it (ERR_UNKNOWN_ENCODING).
_TEXT_CODECS: Final = {
    "utf8": "utf-8",
    "utf16le": "utf-16-le",
    "latin1": "latin-1",
    "ascii": "ascii",
}
_SYNONYMS: Final = {
    "utf-8": "utf8",
    "ucs2": "utf16le",
    "ucs-2": "utf16le",
    "utf-16le": "utf16le",
    "binary": "latin1",
}
_BYTE_CODECS: Final = frozenset({"hex", "base64", "base64url"})
_NOT_BASE64: Final = re.compile(r"[^A-Za-z0-9+/]")


def encoding_name(encoding: object) -> str:
    """Return Node's one name for it, or raise OptionsError ERR_UNKNOWN_ENCODING."""
    name = encoding.lower() if isinstance(encoding, str) else None
    name = _SYNONYMS.get(name, name) if name is not None else None
    if name is None or (name not in _TEXT_CODECS and name not in _BYTE_CODECS):
        raise options_error(
            "ERR_UNKNOWN_ENCODING",
            f"Unknown encoding: {encoding}",
            hint="Use utf8, utf16le, latin1, ascii, hex, base64 or base64url.",
        )
    return name


def make_decoder(encoding: str) -> Decoder:
    """Make a decoder; raises OptionsError ERR_UNKNOWN_ENCODING."""
    name = encoding_name(encoding)
    if name == "hex":
        return _HexDecoder()
    if name in _BYTE_CODECS:
        return _Base64Decoder(url=name == "base64url")
    if name == "ascii":
        return _AsciiDecoder()
    return codecs.getincrementaldecoder(_TEXT_CODECS[name])("replace")


def encode(text: str, encoding: str) -> bytes:
    """Write text as bytes; raises OptionsError ERR_UNKNOWN_ENCODING."""
    name = encoding_name(encoding)
    if name == "hex":
        # Node stops at the first pair that is not hexadecimal.
        whole = len(text) - len(text) % 2
        for end in range(0, whole, 2):
            if not all(digit in "0123456789abcdefABCDEF" for digit in text[end : end + 2]):
                whole = end
                break
        return bytes.fromhex(text[:whole])
    if name in _BYTE_CODECS:
        # Node takes both alphabets, with or without padding, and passes over the rest.
        plain = _NOT_BASE64.sub("", text.replace("-", "+").replace("_", "/").partition("=")[0])
        if len(plain) % 4 == 1:  # six bits are no byte
            plain = plain[:-1]
        return binascii.a2b_base64(plain + "=" * (-len(plain) % 4))
    if name in {"latin1", "ascii"}:
        return bytes(ord(character) & 0xFF for character in text)
    if name == "utf8":
        return encode_utf8(text)
    return text.encode(_TEXT_CODECS[name], "surrogatepass")


def encode_utf8(text: str) -> bytes:
    """Write text as UTF-8, whatever is in it."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        # A lone surrogate becomes U+FFFD, as in Node; Python would write a question mark.
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()
