"""Which code made this? A hash of every function of this package that a result goes through, and of nothing else.

The closure starts at an experiment's `run` and follows the names that a function uses: other functions and classes of
the package, its constants, attributes of its modules. Comments, docstrings and annotations do not count, so a reworded
docstring leaves the records as they are, while a changed line makes them stale.
"""

import ast
import hashlib
import importlib
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterable
from types import FunctionType, ModuleType

PACKAGE = "dbp"

# Never part of a result: where it is kept, how it is scheduled, shown or compared.
INFRASTRUCTURE = frozenset(
    f"{PACKAGE}.{name}" for name in (
        "checkpoints", "checks", "cli", "fingerprint", "paper", "plots", "profiles", "provenance", "records", "sweep",
    )
)

# What these return is pinned by the data fingerprint in every record, so their code need not be.
PINNED_BY_DATA = frozenset({f"{PACKAGE}.data.load", f"{PACKAGE}.data.known_fingerprint"})

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
        tree = _definition(thing)
        found[name] = _digest(_normal(tree))
        for label, value in _used(tree, thing):
            if isinstance(value, dict) and _is_registry(value):
                if not given & {_name(entry) for entry in value.values()}:
                    raise LookupError(f"{name} uses the registry {label}: name the entry that is used in roots(config)")
            elif isinstance(value, CONSTANTS):
                found[label] = _digest(_stable(value))
            else:
                waiting.append(value)
    return dict(sorted(found.items()))


def changed(before: dict[str, str], now: dict[str, str]) -> list[str]:
    """The names whose code differs between two results of `code_of`: changed, added or gone."""
    return sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))


def _followed(thing: object) -> bool:
    module = getattr(thing, "__module__", None) or ""
    if not isinstance(thing, FunctionType | type) or _name(thing) in PINNED_BY_DATA:
        return False
    inside = module == PACKAGE or module.startswith(f"{PACKAGE}.")
    # Experiments that tests define outside of the package are followed as well, but no other package is.
    inside = inside or getattr(sys.modules.get(module), "IS_DBP_EXPERIMENT", False)
    return inside and not any(module == name or module.startswith(f"{name}.") for name in INFRASTRUCTURE)


def _name(thing: object) -> str:
    thing = inspect.unwrap(thing) if callable(thing) else thing
    return f"{getattr(thing, '__module__', '')}.{getattr(thing, '__qualname__', repr(thing))}"


def _definition(thing: object) -> ast.AST:
    return ast.parse(textwrap.dedent(inspect.getsource(thing))).body[0]


def _is_registry(value: dict) -> bool:
    return bool(value) and all(isinstance(entry, FunctionType | type) for entry in value.values())


def _used(tree: ast.AST, thing: object) -> Iterable[tuple[str, object]]:
    """What the global names of a definition stand for, where that belongs to the package."""
    namespace = vars(sys.modules[thing.__module__])
    if isinstance(thing, type):
        yield from ((_name(base), base) for base in thing.__bases__)
    for chain in _chains(tree):
        if chain[0] in namespace:
            yield from _resolve(chain, namespace[chain[0]], thing.__module__)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PACKAGE):
            module = importlib.import_module(node.module)
            yield from ((f"{node.module}.{alias.name}", getattr(module, alias.name, None)) for alias in node.names)


def _resolve(chain: list[str], value: object, home: str) -> Iterable[tuple[str, object]]:
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


def _stable(value: object) -> str:
    """`repr`, but the same in every process for sets of strings, whose order is random."""
    return repr(sorted(map(repr, value))) if isinstance(value, set | frozenset) else repr(value)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
