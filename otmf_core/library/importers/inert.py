"""A pickle as inert values: what it would make is written down, and nothing is made, imported or called.

Every step of the pickle is one of those that torch.save writes; every name that it asks for is one of a list, and stays
a name. torch.load(weights_only=True) is not used: it calls functions of torch with a file's arguments, hashes what a
file nests (a megabyte of nested tuples ends the process), and allows more names for a while in all threads.
"""

from __future__ import annotations

import math
import pickletools
from collections.abc import Collection
from typing import Any, NamedTuple

from otmf_core.errors import InputError
from otmf_core.files import brief, shown

MAX_STEPS = 1_000_000  # a large CLIP takes some 50,000
MAX_KEY = 1 << 31  # of a dictionary: larger whole numbers can be chosen so that all hash alike
MAX_DIMENSIONS = 16
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
VALUES = frozenset(("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINSTRING"))
TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
DICTIONARY = "collections.OrderedDict"
TENSORS = ("torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor")
PARAMETERS = ("torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state")
STORAGES = {
    "torch.DoubleStorage": "F64",
    "torch.FloatStorage": "F32",
    "torch.HalfStorage": "F16",
    "torch.BFloat16Storage": "BF16",
    "torch.LongStorage": "I64",
    "torch.IntStorage": "I32",
    "torch.ShortStorage": "I16",
    "torch.CharStorage": "I8",
    "torch.ByteStorage": "U8",
    "torch.BoolStorage": "BOOL",
}
BASICS = frozenset({DICTIONARY, *TENSORS, *PARAMETERS, *STORAGES})


class Name(str):
    """What a pickle asks for by module and name, and does not get."""


class Made:
    """What a pickle would have made: by what, of what, and the attributes that it would have."""

    def __init__(self, name: Name, arguments: tuple[Any, ...]) -> None:
        self.name = name
        self.arguments = arguments
        self.attributes: dict[Any, Any] = {}


class Storage(NamedTuple):
    """Values in a row, in a record of the archive."""

    kind: str  # as safetensors names it: F32
    record: str
    count: int


class Stored(NamedTuple):
    """A tensor: a view of a storage, which it does not leave."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    @property
    def extent(self) -> int:
        """How many values of the storage lie from its first to its last, both included."""
        if 0 in self.shape:
            return 0
        return 1 + sum((size - 1) * step for size, step in zip(self.shape, self.stride, strict=True))


def read_inert(data: bytes, names: Collection[str], where: str) -> Any:
    """The value that a pickle describes; the names that it asks for are among `names` and BASICS.

    Raises InputError on any other, naming it, and on a pickle that is damaged or does what torch.save does not.
    """
    reader = _Reader(names, where)
    try:
        for count, (step, argument, _) in enumerate(pickletools.genops(data)):
            if count == MAX_STEPS:
                raise InputError(f"a checkpoint's pickle has at most {MAX_STEPS:,} steps, received more in {where}")
            reader.take(step.name, argument)
    except InputError:
        raise
    except (ValueError, TypeError, LookupError) as error:  # a stack too short, a memo of nothing, bytes that end early
        reason = f"{type(error).__name__}: {brief(error)}"
        raise InputError(f"a checkpoint's pickle is whole and written by torch.save: {reason}, in {where}") from None
    return reader.result


class _Reader:
    """The stack machine of a pickle, its values inert."""

    def __init__(self, names: Collection[str], where: str) -> None:
        self.allowed = BASICS.union(names)
        self.where = where
        self.result: Any = None
        self._stack: list[Any] = []
        self._below: list[list[Any]] = []  # of every open mark
        self._memo: dict[int, Any] = {}

    def take(self, step: str, argument: Any) -> None:
        """One step; raises ValueError, TypeError or LookupError on one that the values before it do not allow."""
        stack = self._stack
        if step in VALUES:
            stack.append(argument)
        elif step in ("BINPUT", "LONG_BINPUT"):
            self._memo[argument] = stack[-1]
        elif step in ("BINGET", "LONG_BINGET"):
            stack.append(self._memo[argument])
        elif step in CONSTANTS:
            stack.append(CONSTANTS[step])
        elif step in TUPLES:
            at = len(stack) - TUPLES[step]
            if at < 0:
                raise ValueError("a tuple of more values than there are")
            stack[at:] = [tuple(stack[at:])]
        elif step == "EMPTY_DICT":
            stack.append({})
        elif step == "EMPTY_LIST":
            stack.append([])
        elif step == "MARK":
            self._below.append(stack)
            self._stack = []
        elif step == "TUPLE":
            values = self._marked()
            self._stack.append(tuple(values))
        elif step in ("APPEND", "APPENDS"):
            values = [stack.pop()] if step == "APPEND" else self._marked()
            self._top(list).extend(values)
        elif step in ("SETITEM", "SETITEMS"):
            values = [stack.pop(-2), stack.pop()] if step == "SETITEM" else self._marked()
            self._fill(self._top(dict), values)
        elif step == "GLOBAL":
            stack.append(self._named(argument))
        elif step in ("REDUCE", "NEWOBJ"):
            arguments, name = stack.pop(), stack.pop()
            if type(name) is not Name or type(arguments) is not tuple:
                raise TypeError(f"{type(name).__name__} is called, which is no name")
            stack.append(self._made(name, arguments))
        elif step == "BUILD":
            attributes = stack.pop()
            self._build(stack[-1], attributes)
        elif step == "BINPERSID":
            stack.append(_storage(stack.pop()))
        elif step == "STOP":
            self.result = stack.pop()
        elif step != "PROTO":
            raise ValueError(f"{step} is no step that torch.save takes")

    def _top(self, kind: type) -> Any:
        if type(self._stack[-1]) is not kind:
            raise TypeError(f"{type(self._stack[-1]).__name__} is filled as a {kind.__name__}")
        return self._stack[-1]

    def _marked(self) -> list[Any]:
        values, self._stack = self._stack, self._below.pop()
        return values

    def _fill(self, target: dict[Any, Any], values: list[Any]) -> None:
        for key, value in zip(values[::2], values[1::2], strict=True):
            # whatever is nested deeply would be hashed through all of its levels
            if type(key) is not str and not (type(key) is int and -MAX_KEY <= key < MAX_KEY):
                raise TypeError(f"a key is a text or a small whole number, not {type(key).__name__}")
            target[key] = value

    def _named(self, argument: str) -> Name:
        name = Name(argument.replace(" ", ".", 1))
        if name not in self.allowed:
            raise InputError(
                f"a checkpoint names no code but that of dense tensors and CLIP models: it asks for {shown(str(name))} "
                f"in {self.where}"
            )
        return name

    def _made(self, name: Name, arguments: tuple[Any, ...]) -> Any:
        if name == DICTIONARY:
            if arguments:
                raise ValueError("an OrderedDict is made empty")
            return {}
        if name in TENSORS:
            return self._tensor(arguments)
        if name in PARAMETERS:
            if type(arguments[0]) is not Stored:
                raise TypeError(f"a parameter is a tensor, not {type(arguments[0]).__name__}")
            return arguments[0]
        if name in STORAGES:
            raise TypeError("a storage is a record of the archive, and not made")
        return Made(name, arguments)

    def _build(self, target: Any, attributes: Any) -> None:
        if type(attributes) is not dict:
            raise TypeError(f"attributes are a dictionary, not {type(attributes).__name__}")
        if type(target) is Made:
            target.attributes.update(attributes)
        elif type(target) is not dict:  # the `_metadata` of a state dict are of no use
            raise TypeError(f"{type(target).__name__} has no attributes")

    def _tensor(self, arguments: tuple[Any, ...]) -> Stored:
        storage, offset, shape, stride, *_ = arguments
        if len(shape) != len(stride) or len(shape) > MAX_DIMENSIONS:
            raise ValueError(f"a tensor of {len(shape)} dimensions has {len(stride)} strides")
        numbers = (offset, *shape, *stride)
        if type(storage) is not Storage or any(type(number) is not int or number < 0 for number in numbers):
            raise TypeError("a tensor is a view of a storage, by whole numbers of at least 0")
        tensor = Stored(storage, offset, tuple(shape), tuple(stride))
        if offset + tensor.extent > storage.count or math.prod(shape) > storage.count:
            raise InputError(
                f"a tensor lies inside its storage: one of shape {shown(tuple(shape))} at {offset:,} does not, "
                f"of {storage.count:,} values, in {self.where}"
            )
        return tensor


def _storage(identity: Any) -> Storage:
    if type(identity) is not tuple or len(identity) < 5 or identity[0] != "storage":
        raise TypeError("a persistent value is a storage")
    _, kind, record, _, count = identity[:5]
    if type(kind) is not Name or kind not in STORAGES:
        raise TypeError(f"a storage of {shown(str(kind))} has no type of weights")
    if type(record) is not str or type(count) is not int or count < 0:
        raise TypeError("a storage has a record and a count")
    return Storage(STORAGES[kind], record, count)
