"""What an object keeps, seen by the garbage collector: whatever the attributes are called, and whoever added them."""

import gc
from collections.abc import Iterable
from types import BuiltinFunctionType, FunctionType, ModuleType

Whole = (ModuleType, type, FunctionType, BuiltinFunctionType)  # these lead to the whole program


def find_kept(roots: Iterable[object], word: str) -> list[str]:
    """Return the strings with this word in them that can be reached from the roots."""
    found, seen, waiting = [], set[int](), list(roots)
    while waiting:
        item = waiting.pop()
        if id(item) in seen or isinstance(item, Whole):
            continue
        seen.add(id(item))
        if isinstance(item, str) and word in item:
            found.append(item)
        waiting += gc.get_referents(item)
    return found
