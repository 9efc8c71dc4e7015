"""The scopes and names of a program: which scope binds each name, and where the name occurs.

It follows Python's rules: functions, lambdas, classes and comprehensions open scopes; nested scopes do not see the
names of a class; the first iterable of a comprehension is evaluated outside it; ``:=`` in a comprehension binds outside
it.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_NAMING = frozenset(
    {
        ast.Name,
        ast.NamedExpr,
        *FUNCTIONS,
        ast.ClassDef,
        ast.alias,
        ast.Global,
        ast.Nonlocal,
        ast.ExceptHandler,
        ast.MatchAs,
        ast.MatchStar,
        ast.MatchMapping,
    }
)
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


@dataclass(eq=False)
class Scope:
    """One scope. ``occurrences`` holds, by name, every node that binds or reads *this scope's* variable."""

    node: ast.AST
    parent: Scope | None
    bound: set[str] = field(default_factory=set)
    elsewhere: set[str] = field(default_factory=set)  # declared global or nonlocal here
    occurrences: dict[str, list[ast.AST]] = field(default_factory=dict)

    @cached_property
    def variables(self) -> dict[str, list[ast.Name | ast.arg]]:
        """The names bound by assignments and parameters only, each with the nodes that bind it."""
        found: dict[str, list[ast.Name | ast.arg]] = {}
        for name, occurrences in self.occurrences.items():
            stores = [
                node for node in occurrences if not (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load))
            ]
            if all(isinstance(part, ast.Name | ast.arg | ast.Global | ast.Nonlocal) for part in stores):
                found[name] = [part for part in stores if isinstance(part, ast.Name | ast.arg)]
        return found

    @property
    def is_function(self) -> bool:
        """Whether this is the scope of a function, whose names are local variables."""
        return isinstance(self.node, FUNCTIONS)

    @property
    def is_comprehension(self) -> bool:
        """Whether this is the scope of a comprehension."""
        return isinstance(self.node, COMPREHENSIONS)


class Scopes:
    """All scopes of a module. ``by_node`` maps a node to the scope it opens, ``of`` a name to its variable's scope."""

    def __init__(self, tree: ast.Module, children: Mapping[ast.AST, list[ast.AST]]) -> None:
        """``children`` maps each node that has children to them, in the order of its fields."""
        self._children = children
        module = Scope(tree, None)
        self.by_node: dict[ast.AST, Scope] = {tree: module}
        self._used: list[tuple[str, ast.AST, Scope]] = []
        self._owners: dict[ast.AST, Scope] = {}
        self._enclosing: dict[ast.AST, Scope] = {}
        self._collect(tree, module)
        for name, node, scope in self._used:
            self._resolve(name, node, scope)

    def of(self, node: ast.AST) -> Scope | None:
        """Return the scope whose variable a name node is; None for builtins and names that the program never binds."""
        return self._owners.get(node)

    def around(self, node: ast.AST) -> Scope:
        """Return the scope that contains a name node, which may differ from the scope of its variable."""
        return self._enclosing[node]

    def is_builtin(self, node: ast.AST) -> bool:
        """Whether a name node refers to a name that the program does not bind."""
        return isinstance(node, ast.Name) and node not in self._owners

    def _collect(self, tree: ast.AST, module: Scope) -> None:
        stack: list[tuple[ast.AST, Scope]] = [(child, module) for child in self._children.get(tree, ())]
        while stack:
            node, scope = stack.pop()
            if type(node) in _NAMING:
                self._note(node, scope)
            if isinstance(node, COMPREHENSIONS):
                stack += self._open_comprehension(node, scope)
            elif isinstance(node, (*FUNCTIONS, ast.Lambda, ast.ClassDef)):
                stack += self._open_definition(node, scope)
            else:
                stack += [(child, scope) for child in self._children.get(node, ())]

    def _open_comprehension(self, node: Comprehension, scope: Scope) -> list[tuple[ast.AST, Scope]]:
        inner = self.by_node[node] = Scope(node, scope)
        first = node.generators[0].iter
        children: list[tuple[ast.AST, Scope]] = [(first, scope)]
        for generator in node.generators:
            children += [(child, inner) for child in self._children[generator] if child is not first]
        elements = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        return children + [(element, inner) for element in elements]

    def _open_definition(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef, scope: Scope
    ) -> list[tuple[ast.AST, Scope]]:
        inner = self.by_node[node] = Scope(node, scope)
        if isinstance(node, ast.ClassDef):
            outside: list[ast.AST] = [*node.bases, *node.keywords, *node.decorator_list]
            return [(child, scope) for child in outside] + [(child, inner) for child in node.body]
        arguments = node.args
        named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        named += [extra for extra in (arguments.vararg, arguments.kwarg) if extra]
        evaluated: list[ast.AST] = [*arguments.defaults, *(value for value in arguments.kw_defaults if value)]
        evaluated += [argument.annotation for argument in named if argument.annotation]
        for argument in named:
            self._bind(argument.arg, argument, inner)
        if isinstance(node, ast.Lambda):
            return [(child, scope) for child in evaluated] + [(node.body, inner)]
        evaluated += [*node.decorator_list, *([node.returns] if node.returns else [])]
        return [(child, scope) for child in evaluated] + [(child, inner) for child in node.body]

    def _note(self, node: ast.AST, scope: Scope) -> None:
        """Record the names that the node itself, without its children, binds or reads in ``scope``."""
        match node:
            case ast.Name(id=name, ctx=ast.Load()):
                self._used.append((name, node, scope))
                self._enclosing[node] = scope
            case ast.Name(id=name):
                self._bind(name, node, scope)
            case ast.NamedExpr(target=target):
                outside = scope
                while outside.is_comprehension and outside.parent:
                    outside = outside.parent
                outside.bound.add(target.id)
                if outside is not scope:
                    scope.elsewhere.add(target.id)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                self._bind(name, node, scope)
            case ast.alias(name=name, asname=asname):
                self._bind(asname or name.split(".")[0], node, scope)
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                scope.elsewhere.update(names)
                self._used += [(name, node, scope) for name in names]
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                self._bind(name, node, scope)
            case ast.MatchMapping(rest=str(name)):
                self._bind(name, node, scope)

    def _bind(self, name: str, node: ast.AST, scope: Scope) -> None:
        scope.bound.add(name)
        self._used.append((name, node, scope))
        self._enclosing[node] = scope

    def _resolve(self, name: str, node: ast.AST, start: Scope) -> None:
        scope: Scope | None = start
        while scope is not None:
            visible = scope is start or not isinstance(scope.node, ast.ClassDef)
            if visible and name in scope.bound and name not in scope.elsewhere:
                scope.occurrences.setdefault(name, []).append(node)
                if not isinstance(node, ast.Global | ast.Nonlocal):
                    self._owners[node] = scope
                return
            scope = scope.parent
