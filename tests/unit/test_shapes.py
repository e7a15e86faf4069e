"""What type checkers are told is what the option table says, and the emissions of the package."""

import ast
from pathlib import Path
from typing import get_args

import pytest

import tlsevents
from tlsevents import net, shapes
from tlsevents.events import SocketEvent
from tlsevents.options import CONTEXT_OPTIONS, OPTIONS

PACKAGE = Path(tlsevents.__file__).parent
NODE_NAMES = {row.python: row.node for row in OPTIONS}
NET_OPTIONS = net._NET_OPTIONS

# Only Node counts milliseconds, and these in whole ones.
OTHER_UNITS = {"auto_select_family_attempt_timeout"}


@pytest.mark.parametrize(
    ("options", "keywords", "names"),
    [
        (shapes.NetOptions, shapes.NetKeywords, NET_OPTIONS),
        (shapes.ContextOptions, shapes.ContextKeywords, CONTEXT_OPTIONS),
        (shapes.TLSOptions, shapes.TLSKeywords, NODE_NAMES),
    ],
)
def test_the_shapes_have_the_names_of_the_table(
    options: type, keywords: type, names: frozenset[str]
) -> None:
    assert set(keywords.__annotations__) == set(names)
    assert set(options.__annotations__) == {NODE_NAMES[name] for name in names}


@pytest.mark.parametrize("name", sorted(NODE_NAMES.keys() - OTHER_UNITS))
def test_both_dialects_take_the_same_types(name: str) -> None:
    node = shapes.TLSOptions.__annotations__[NODE_NAMES[name]]
    assert shapes.TLSKeywords.__annotations__[name] == node


@pytest.mark.parametrize(
    ("call", "keywords"),
    [(shapes.NetCall, shapes.NetKeywords), (shapes.TLSCall, shapes.TLSKeywords)],
)
def test_calls_take_options_and_callback_by_keyword_too(call: type, keywords: type) -> None:
    assert call.__annotations__.keys() - keywords.__annotations__.keys() == {"options", "callback"}


@pytest.mark.parametrize("shape", [shapes.TLSOptions, shapes.TLSCall, shapes.NetCall])
def test_nothing_in_the_shapes_is_required(shape: type) -> None:
    assert not shape.__required_keys__  # type: ignore[attr-defined]


def emitted() -> set[str]:
    """Every event that is named where it is emitted."""
    names: set[str] = set()
    for path in PACKAGE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case (
                    ast.Call(
                        func=ast.Attribute(attr="emit" | "_tell_error"),
                        args=[ast.Constant(value=str(name)), *_],
                    )
                    | ast.Call(  # call_soon(self.emit, ...)
                        args=[ast.Attribute(attr="emit"), ast.Constant(value=str(name)), *_]
                    )
                ):
                    names.add(name)
    return names


def test_every_event_has_a_listener_type() -> None:
    assert emitted() == set(get_args(SocketEvent))
