"""Pickles read without executing anything: plain values and arrays of bytes, and nothing else that one may ask for.

Opcodes come from `pickletools`, which only splits them; each is a step on a stack of values. What a pickle would have
called is compared by name, and NumPy's own way to write an array of bytes is the only one that is known.
"""

from __future__ import annotations

import pickletools
import warnings
from typing import Any, cast

from otmf_core.files import shown

MARK = object()
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
VALUES = (
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "BINFLOAT", "FLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
)
EMPTY: dict[str, Any] = {"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple}
ARRAYS = ("numpy.core.multiarray _reconstruct", "numpy._core.multiarray _reconstruct")
KNOWN = (*ARRAYS, "numpy ndarray", "numpy dtype", "_codecs encode")


class _Known(str):
    """The name of something known that a pickle asks for."""


class _Array:
    """An array that is under construction."""

    value: Any = None


def read_plain(data: bytes) -> Any:
    """The value in a pickle: dicts, lists, tuples, texts, bytes, numbers, and arrays of uint8.

    Raises ValueError when it asks for anything else, and on a damaged one. Python 2's texts come as Latin-1.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes in a damaged text
            return _finished(_run(data))
    except (IndexError, KeyError, TypeError, AttributeError, UnicodeError) as error:
        raise ValueError(f"a damaged pickle ({type(error).__name__})") from None


def _run(data: bytes) -> Any:
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    for opcode, value, _ in pickletools.genops(data):
        name, argument = opcode.name, cast(Any, value)
        if name in VALUES:
            stack.append(argument)
        elif name.endswith("PUT"):
            memo[int(argument)] = stack[-1]
        elif name == "MEMOIZE":
            memo[len(memo)] = stack[-1]
        elif name.endswith("GET"):
            stack.append(memo[int(argument)])
        elif name == "MARK":
            stack.append(MARK)
        elif name in EMPTY:
            stack.append(EMPTY[name]())
        elif name in CONSTANTS:
            stack.append(CONSTANTS[name])
        elif name in ("APPEND", "APPENDS"):
            values = [stack.pop()] if name == "APPEND" else _to_mark(stack)
            top: Any = stack[-1]
            list.extend(top, values)
        elif name in ("SETITEM", "SETITEMS"):
            values = [stack.pop(-2), stack.pop()] if name == "SETITEM" else _to_mark(stack)
            top = stack[-1]
            dict.update(top, _items(values))
        elif name in ("TUPLE1", "TUPLE2", "TUPLE3"):
            count = int(name[-1])
            stack[-count:] = [tuple(stack[-count:])]
        elif name in ("TUPLE", "LIST"):
            values = _to_mark(stack)
            stack.append(tuple(values) if name == "TUPLE" else values)
        elif name == "DICT":
            values = _to_mark(stack)
            stack.append(dict(_items(values)))
        elif name in ("GLOBAL", "STACK_GLOBAL"):
            asked = argument if name == "GLOBAL" else f"{stack.pop(-2)} {stack.pop()}"
            if asked not in KNOWN:
                raise ValueError(f"it asks for {shown(asked.replace(' ', '.'), 60)}")
            stack.append(_Known(asked))
        elif name == "REDUCE":
            arguments = stack.pop()
            stack[-1] = _made(stack[-1], arguments)
        elif name == "BUILD":
            state = stack.pop()
            if isinstance(stack[-1], _Array):
                stack[-1].value = _array(state)
            elif stack[-1] != "u1":
                raise ValueError("it sets the state of something")
        elif name == "STOP":
            return stack.pop()
        elif name not in ("PROTO", "FRAME"):
            raise ValueError(f"it has the opcode {name}")
    raise ValueError("a pickle without an end")


def _items(values: list[Any]) -> list[tuple[Any, Any]]:
    items = list(zip(values[::2], values[1::2], strict=True))
    if not all(isinstance(key, str | bytes | int) for key, _ in items):  # a nested one would be hashed through
        raise ValueError("a key is a text or a number")
    return items


def _to_mark(stack: list[Any]) -> list[Any]:
    at = len(stack) - 1
    while stack[at] is not MARK:
        at -= 1
    values = stack[at + 1 :]
    del stack[at:]
    return values


def _made(what: Any, arguments: tuple) -> Any:
    if not isinstance(what, _Known):
        raise ValueError("it calls a value")
    if what in ARRAYS:
        return _Array()
    if what == "numpy dtype" and arguments[0] == "u1":
        return "u1"
    if what == "_codecs encode" and arguments[1] == "latin1":
        return arguments[0].encode("latin1")
    raise ValueError(f"it makes {shown(what)} of {shown(arguments, 60)}")


def _array(state: tuple) -> Any:
    import numpy as np

    _, shape, kind, by_columns, data = state
    if kind != "u1":
        raise ValueError("its arrays are not of bytes")
    values = np.frombuffer(data.encode("latin1") if isinstance(data, str) else data, np.uint8)
    return values.reshape(shape, order="F" if by_columns else "C")


def _finished(value: Any) -> Any:
    """A dict of values without arrays under construction."""
    if isinstance(value, dict):
        return {key: entry.value if isinstance(entry, _Array) else entry for key, entry in value.items()}
    return value
