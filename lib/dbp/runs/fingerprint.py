"""Which code made this? A hash of every function of this package that a result goes through, and of nothing else.

The closure starts at an experiment's `run` and follows the names that a function uses: other functions and classes of
the package, its constants, attributes of its modules. Comments, docstrings and annotations do not count, so a reworded
docstring leaves the records as they are, while a changed line makes them stale. What an annotation names is followed
all the same: rather one function too many than one too few.
"""

import ast
import dataclasses
import functools
import hashlib
import importlib
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import FunctionType, ModuleType

PACKAGE = "dbp"

# Where files lie, how they are fetched and read: the fingerprint of the data pins what comes out. What turns these bytes
# into the floats and the splits of a run (`dbp.data.split`, `dbp.data.pixels`) counts like everything else.
EXEMPT = tuple(f"{PACKAGE}.{name}" for name in (
    "files", "spelling", "profiles", "data.mnist", "data.svhn", "data.celeba", "data.download", "data.standins",
))

CONSTANTS = (int, float, complex, str, bytes, bool, type(None), tuple, frozenset, set, list, dict)
DOCUMENTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
IGNORED = frozenset({"annotation", "returns", "type_comment", "type_params", "kind", "ctx"})


def code_of(*functions: Callable) -> dict[str, str]:
    """Name and short hash of everything of this package that the functions reach.

    A dictionary of functions (a registry) is not followed, since one entry must not make the results of another stale;
    the entry that is used must be among `functions`.

    Args:
        functions: functions or classes of the package: an experiment's `run` and its `roots(config)`.

    Returns:
        Qualified name to 12 hexadecimal digits, sorted by name.

    Raises:
        LookupError: a registry is reached, but none of its entries is among `functions`.
        TypeError: a constant has no text that is the same in every process, such as a list of functions.
        OSError: the source of a function cannot be read.
    """
    given = {_name(function) for function in functions}
    found: dict[str, str] = {}
    waiting: list[object] = list(functions)
    while waiting:
        thing = inspect.unwrap(waiting.pop())
        name = _name(thing)
        if name in found or not _followed(thing):
            continue
        definition = _definition(thing)
        found[name] = definition.digest
        for label, value in _used(definition, thing):
            if isinstance(value, dict) and _is_registry(value):
                if not given & {_name(entry) for entry in value.values()}:
                    raise LookupError(f"{name} uses the registry {label}: name the entry that is used in roots(config)")
            elif isinstance(value, CONSTANTS):
                if not _is_exempt(label.rpartition(".")[0]):
                    found[label] = _digest(_stable(value, label))
            else:
                waiting.append(value)
    return dict(sorted(found.items()))


def digest_of(functions: dict[str, str]) -> str:
    """16 hexadecimal digits for what `code_of` gives. A function that was only moved to another file is the same one."""
    return hashlib.sha256(repr(sorted(_places(functions))).encode()).hexdigest()[:16]


def changed(before: dict[str, str], now: dict[str, str]) -> list[str]:
    """The names whose code differs between two results of `code_of`: changed, added or gone, but not moved."""
    old, new = _places(before), _places(now)
    return sorted({old[pair] for pair in old.keys() - new.keys()} | {new[pair] for pair in new.keys() - old.keys()})


def _places(functions: dict[str, str]) -> dict[tuple[str, str], str]:
    """Name within its file and hash, to the whole name."""
    return {(name.rsplit(".", 1)[-1], digest): name for name, digest in functions.items()}


def _followed(thing: object) -> bool:
    module = getattr(thing, "__module__", None) or ""
    if not isinstance(thing, FunctionType | type) or _is_configuration(thing, module):
        return False
    inside = module == PACKAGE or module.startswith(f"{PACKAGE}.")
    # Experiments that tests define outside of the package are followed as well, but no other package is.
    inside = inside or getattr(sys.modules.get(module), "IS_DBP_EXPERIMENT", False)
    return inside and not _is_exempt(module)


def _is_exempt(module: str) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in EXEMPT)


def _is_configuration(thing: object, module: str) -> bool:
    """Whether this is an experiment's `Config`: what it holds is in the record, and how it checks that changes no result."""
    return isinstance(thing, type) and thing.__name__ == "Config" and dataclasses.is_dataclass(thing) and (
        module.startswith(f"{PACKAGE}.experiments.") or getattr(sys.modules.get(module), "IS_DBP_EXPERIMENT", False))


def _name(thing: object) -> str:
    thing = inspect.unwrap(thing) if callable(thing) else thing
    return f"{getattr(thing, '__module__', '')}.{getattr(thing, '__qualname__', repr(thing))}"


@dataclass(frozen=True)
class _Definition:
    """What is read from a source: the hash of its normal form, its dotted names, and its local `from ... import`s."""

    digest: str
    chains: tuple[tuple[str, ...], ...]
    imports: tuple[tuple[str, str], ...]


@functools.cache  # a plan asks for the same functions once a run, and reading a source takes milliseconds
def _definition(thing: object) -> _Definition:
    tree = ast.parse(textwrap.dedent(inspect.getsource(thing))).body[0]
    digest = _digest(_normal(tree))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    imports = [node for node in imports if (node.module or "").startswith(PACKAGE)]
    names = [(node.module, alias.name) for node in imports for alias in node.names]
    return _Definition(digest, tuple(map(tuple, _chains(tree))), tuple(names))


def _is_registry(value: dict) -> bool:
    return bool(value) and all(isinstance(entry, FunctionType | type) for entry in value.values())


def _used(definition: _Definition, thing: object) -> Iterable[tuple[str, object]]:
    """What the global names of a definition stand for, where that belongs to the package."""
    namespace = vars(sys.modules[thing.__module__])
    if isinstance(thing, type):
        yield from ((_name(base), base) for base in thing.__bases__)
    for chain in definition.chains:
        if chain[0] in namespace:
            yield from _resolve(chain, namespace[chain[0]], thing.__module__)
    for home, name in definition.imports:
        value = getattr(importlib.import_module(home), name, None)
        if not isinstance(value, ModuleType):
            yield f"{home}.{name}", value
        for chain in definition.chains:  # `from dbp import data` within a function, then `data.subset`
            if isinstance(value, ModuleType) and chain[0] == name:
                yield from _resolve(chain, value, home)


def _resolve(chain: tuple[str, ...], value: object, home: str) -> Iterable[tuple[str, object]]:
    label = f"{home}.{chain[0]}"
    for attribute in chain[1:]:
        if not isinstance(value, ModuleType):
            break
        if not value.__name__.startswith(PACKAGE):
            return
        label = f"{value.__name__}.{attribute}"
        value = getattr(value, attribute, None)
    if isinstance(inspect.unwrap(value) if callable(value) else value, FunctionType | type):
        yield label, value
    elif isinstance(value, CONSTANTS):
        yield label, value


def _chains(tree: ast.AST) -> list[list[str]]:
    """Names and dotted names, longest first: `penalties.jacobian_l1` is one chain of two."""
    chains, inner = [], set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            parts, at = [node.attr], node.value
            while isinstance(at, ast.Attribute):
                parts, at = [at.attr, *parts], at.value
            if isinstance(at, ast.Name):
                inner.add(id(at))
                chains.append([at.id, *parts])
        elif isinstance(node, ast.Name) and id(node) not in inner:
            chains.append([node.id])
    return chains


def _normal(node: object) -> str:
    """A tree as text that is the same in every Python version: no positions, docstrings, annotations or empty fields."""
    if isinstance(node, list):
        return f"[{','.join(_normal(item) for item in node)}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
        node.body = node.body[1:]
    fields = [
        f"{name}={_normal(value)}"
        for name, value in ast.iter_fields(node)
        if name not in IGNORED and value != [] and (value is not None or isinstance(node, ast.Constant))
    ]
    return f"{type(node).__name__}({','.join(fields)})"


def _stable(value: object, label: str) -> str:
    """`repr`, but the same in every process for sets of strings, whose order is random."""
    text = repr(sorted(map(repr, value))) if isinstance(value, set | frozenset) else repr(value)
    if " at 0x" in text:
        raise TypeError(f"{label} holds an object without a lasting text ({text[:60]}): make it a dict of functions")
    return text


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
