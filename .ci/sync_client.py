"""Writes `nango_client/sync/_generated.py`: the asynchronous client's classes without `await`.

    python3 .ci/sync_client.py        prints it; `python3 .ci/tasks.py generate` writes it

It reads `_client.py` and the namespaces that the client's `__init__` sets up, so that what is added
there is here with the next run. A test compares what it gives with what is in the file.
"""

import ast
import builtins
import copy
import re
from pathlib import Path
from typing import Final

PACKAGE: Final = Path(__file__).resolve().parent.parent / "nango_client"
TARGET: Final = PACKAGE / "sync" / "_generated.py"

HEADING: Final = '''\
"""The synchronous client. Do not edit: `python3 .ci/tasks.py generate` writes it."""

from nango_client.sync._answers import MAX_BODY, Calls, ProviderResponse
from nango_client.sync._bridge import Bridge, Recipe
from nango_client.sync._door import Door
'''

# aiohttp's, which has no twin.
LEFT_OUT: Final = {"auth"}

# How docstrings are translated.
LANGUAGE: Final = {"async with": "with", "async for": "for", "await ": ""}

# What a docstring says otherwise here; each has to be found somewhere.
WORDS: Final = {
    "An asynchronous client": "A synchronous client",
    "Connections to the server are opened on the first call.": (
        "Any number of threads may share it.\nIts own thread, and connections to the server, "
        "are made on the first call, after a fork too."
    ),
    "A borrowed session stays open. May be called twice.": "May be called twice.",
    "session: an aiohttp session of yours to send with; it is never closed here.": (
        "session: must be None; it is for the asynchronous client."
    ),
    "session: an aiohttp session of yours for these calls; it is never closed here.": (
        "session: must be None; it is for the asynchronous client.\n"
        "max_body: how large an answer's body may be, in bytes."
    ),
    "retry_on: statuses at which it does, besides 401, 429 and 5xx.": (
        "retry_on: statuses at which it does, besides 401, 429 and 5xx.\n"
        "max_body: how large an answer's body may be, in bytes."
    ),
}

# Where a hit is answered in the caller's thread: if none of these arguments is set.
HITS: Final = {
    "get_connection": ("force_refresh", "include_refresh_token", "refresh_github_app_jwt_token"),
    "connections.get": ("force_refresh", "include_refresh_token", "refresh_github_app_jwt_token"),
    "get_token": ("force_refresh",),
}


class Module:
    """A source file, and what the names in it mean."""

    def __init__(self, path: Path) -> None:
        self.name = ".".join(("nango_client", *path.relative_to(PACKAGE).with_suffix("").parts))
        self.imports: dict[str, ast.ImportFrom | ast.Import] = {}
        self.constants: dict[str, ast.expr] = {}
        self.classes: dict[str, ast.ClassDef] = {}
        self.others: set[str] = set()
        for node in ast.parse(path.read_text("utf-8")).body:
            match node:
                case ast.ImportFrom(module=module, names=names):
                    for alias in names:
                        one = ast.ImportFrom(module=module, names=[alias], level=0)
                        self.imports[alias.asname or alias.name] = one
                case ast.Import(names=names):
                    for alias in names:
                        self.imports[alias.asname or alias.name] = ast.Import(names=[alias])
                case ast.ClassDef(name=name):
                    self.classes[name] = node
                case ast.AnnAssign(target=ast.Name(id=name), value=ast.Constant() as value):
                    self.constants[name] = value
                case ast.Assign(targets=[ast.Name(id=name)]):
                    self.others.add(name)

    def home(self, name: str) -> "Module":
        """Give the module that a name is imported from."""
        found = self.imports[name]
        assert isinstance(found, ast.ImportFrom)
        assert found.module is not None
        path = PACKAGE.joinpath(*found.module.split(".")[1:]).with_suffix(".py")
        return Module(path)


class Generator:
    """Makes the classes, and notes what has to be imported for them."""

    def __init__(self) -> None:
        self.imports: dict[str, str] = {}
        self.words_found: set[str] = set()

    def source(self) -> str:
        """Give the whole file."""
        client = Module(PACKAGE / "_client.py")
        namespaces = {
            target.attr: value.func.id
            for node in ast.walk(client.classes["NangoClient"])
            if isinstance(node, ast.AnnAssign)
            and isinstance(target := node.target, ast.Attribute)
            and not target.attr.startswith("_")
            and isinstance(value := node.value, ast.Call)
            and isinstance(value.func, ast.Name)
        }
        parts = [
            self.namespace(client.home(kind), kind, attribute)
            for attribute, kind in namespaces.items()
        ]
        parts.append(self.provider_session(client.home("ProviderSession")))
        parts.append(self.client(client, namespaces))
        missing = WORDS.keys() - self.words_found
        assert not missing, f"no docstring has {missing}"
        imports = "\n".join(sorted(set(self.imports.values())))
        return "\n\n".join((HEADING + imports + "\n", *parts)) + "\n"

    def namespace(self, module: Module, kind: str, attribute: str) -> str:
        """Give the twin of a namespace."""
        node = module.classes[kind]
        lines = [
            "@final",
            f"class {kind}:",
            self.docstring(node, 1),
            "    def __init__(self, bridge: Bridge) -> None:",
            "        self._bridge = bridge",
        ]
        lines += [self.method(module, method, f"{attribute}.") for method in public(node)]
        self.imports["final"] = "from typing import final"
        return "\n".join(lines)

    def provider_session(self, module: Module) -> str:
        """Give the twin of what calls providers."""
        node = module.classes["ProviderSession"]
        lines = [
            "@final",
            "class ProviderSession:",
            self.docstring(node, 1),
            '    __slots__ = ("_calls",)',
            "    def __init__(self, calls: Calls) -> None:",
            "        self._calls = calls",
            "    def __repr__(self) -> str:",
            "        return repr(self._calls)",
        ]
        for method in public(node):
            twin = self.head(module, method)
            assert ast.unparse(twin.returns or twin) == "ProviderRequest"
            twin.returns = ast.Name("ProviderResponse")
            names = [argument.arg for argument in twin.args.args[1:]]
            given = "".join(f", {name}" for name in names)
            lines += [
                self.signature(module, twin, method),
                f"        call = self._calls.call({method.name!r}{given}, options=options)",
                f"        del {', '.join(names)}, options",
                "        return call.result()",
            ]
        return "\n".join(lines)

    def client(self, module: Module, namespaces: dict[str, str]) -> str:
        """Give the twin of the client."""
        node = module.classes["NangoClient"]
        (init,) = (m for m in methods(node) if m.name == "__init__")
        lines = [
            "@final",
            "class NangoClient(Door):",
            self.docstring(node, 1),
            self.signature(module, self.head(module, init), init),
            f"        recipe = Recipe({passed(init)})",
            f"        del {', '.join(argument_names(init))}",
            "        super().__init__(recipe)",
        ]
        lines += [
            f"        self.{attribute}: Final = {kind}(self._bridge)"
            for attribute, kind in namespaces.items()
        ]
        lines += [self.method(module, m, "") for m in public(node) if m.name not in LEFT_OUT]
        self.imports["Final"] = "from typing import Final"
        return "\n".join(lines)

    def method(
        self, module: Module, method: "ast.FunctionDef | ast.AsyncFunctionDef", prefix: str
    ) -> str:
        """Give the twin of a method."""
        twin = self.head(module, method)
        target = f"self._bridge.client.{prefix}{method.name}"
        returns = ast.unparse(method.returns) if method.returns else ""
        names = ", ".join(argument_names(method))
        deletion = f"        del {names}\n" if names else ""
        if method.decorator_list:
            assert ast.unparse(method.decorator_list[0]) == "property"
            body = f"        return {target}"
        elif returns.startswith("AsyncIterator["):
            twin.returns = ast.parse(returns.removeprefix("Async"), mode="eval").body
            body = f"        return self._bridge.iterate({target}({passed(method)}))"
        elif returns == "ProviderSession":
            return self.door(module, method, twin, target)
        elif f"{prefix}{method.name}" == "close":
            body = "        self._bridge.close()"
        else:
            crossing = "call" if isinstance(method, ast.AsyncFunctionDef) else "do"
            given = passed(method)
            body = (
                f"        call = self._bridge.{crossing}({target}{', ' if given else ''}{given})\n"
                f"{deletion}        return call.result()"
            )
        options = HITS.get(f"{prefix}{method.name}")
        if options is not None:
            given = "self._bridge.token_of(found)" if returns == "str" else "found"
            body = (
                f"        if not ({' or '.join(options)}):\n"
                "            found = self._bridge.hit(connection_id, provider_config_key)\n"
                "            if found is not None:\n"
                f"                return {given}\n" + body
            )
        return f"{self.signature(module, twin, method)}\n{body}"

    def door(
        self,
        module: Module,
        method: "ast.FunctionDef | ast.AsyncFunctionDef",
        twin: ast.FunctionDef,
        target: str,
    ) -> str:
        """Give the twin of a method that gives a `ProviderSession`."""
        twin.args.kwonlyargs.append(ast.arg("max_body", ast.Name("int")))
        twin.args.kw_defaults.append(ast.Name("MAX_BODY"))
        names = argument_names(method)
        session = ", session=session" if "session" in names else ""
        limit = "self._bridge.timeout.attempt"
        if method.name == "proxy":
            # Nango needs it for all its tries.
            limit = f"None if retries else {limit}"
        given = ", ".join(
            name if index < 2 else f"{name}={name}"  # noqa: PLR2004
            for index, name in enumerate(name for name in names if name != "session")
        )
        return (
            f"{self.signature(module, twin, method)}\n"
            f"        calls = Calls(self._bridge, lambda: {target}({given}), max_body, "
            f"read_limit={limit}{session})\n"
            "        return ProviderSession(calls)"
        )

    def head(
        self, module: Module, method: "ast.FunctionDef | ast.AsyncFunctionDef"
    ) -> ast.FunctionDef:
        """Give a copy of a method's head, its defaults written out."""
        args = copy.deepcopy(method.args)
        args.defaults = [self.default(module, each) for each in args.defaults]
        args.kw_defaults = [each and self.default(module, each) for each in args.kw_defaults]
        twin = ast.parse("def twin(): pass").body[0]
        assert isinstance(twin, ast.FunctionDef)
        twin.name, twin.args, twin.returns = method.name, args, method.returns
        twin.decorator_list = list(method.decorator_list)
        return twin

    @staticmethod
    def default(module: Module, value: ast.expr) -> ast.expr:
        """Write a constant of a module out."""
        return module.constants.get(value.id, value) if isinstance(value, ast.Name) else value

    def signature(
        self,
        module: Module,
        twin: ast.FunctionDef,
        method: "ast.FunctionDef | ast.AsyncFunctionDef",
    ) -> str:
        """Give a method's head and docstring, and note what they name."""
        self.note(module, twin)
        twin.body = [ast.Pass()]
        head = ast.unparse(ast.fix_missing_locations(twin)).removesuffix("pass").rstrip()
        indented = "\n".join(f"    {line}" for line in head.splitlines())
        return f"{indented}\n{self.docstring(method, 2)}".rstrip()

    def note(self, module: Module, twin: ast.FunctionDef) -> None:
        """Note what has to be imported for a head."""
        twins = {"ProviderSession", "ProviderResponse", "MAX_BODY", "property"}
        for node in ast.walk(twin):
            if not isinstance(node, ast.Name) or node.id in twins or hasattr(builtins, node.id):
                continue
            name = node.id
            if name == "Iterator":
                found: ast.stmt = ast.parse("from collections.abc import Iterator").body[0]
            elif name in module.imports:
                found = module.imports[name]
            else:
                assert name in module.classes or name in module.others, f"what is {name}?"
                found = ast.ImportFrom(module=module.name, names=[ast.alias(name)], level=0)
            line = ast.unparse(found)
            assert self.imports.setdefault(name, line) == line, f"{name} has two meanings"

    def docstring(
        self, node: "ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef", depth: int
    ) -> str:
        """Give the docstring as it stands here."""
        text = ast.get_docstring(node, clean=True)
        if text is None:
            return ""
        for word, twin in LANGUAGE.items():
            text = text.replace(word, twin)
        for word, twin in WORDS.items():
            before, found, after = text.partition(word)
            if found:
                self.words_found.add(word)
                # A text of several lines keeps the indentation of its first.
                margin = re.findall(r"^ *", before, flags=re.MULTILINE)[-1]
                text = before + twin.replace("\n", f"\n{margin}") + after
        indent = "    " * depth
        lines = [f"{indent}{line}".rstrip() for line in text.splitlines()]
        closing = f'\n{indent}"""' if len(lines) > 1 else '"""'
        return f'{indent}"""' + "\n".join(lines).lstrip() + closing


def methods(node: ast.ClassDef) -> "list[ast.FunctionDef | ast.AsyncFunctionDef]":
    """Give a class's methods."""
    return [m for m in node.body if isinstance(m, ast.FunctionDef | ast.AsyncFunctionDef)]


def public(node: ast.ClassDef) -> "list[ast.FunctionDef | ast.AsyncFunctionDef]":
    """Give those that users call."""
    return [method for method in methods(node) if not method.name.startswith("_")]


def argument_names(method: "ast.FunctionDef | ast.AsyncFunctionDef") -> list[str]:
    """Give the names of all arguments but `self`."""
    assert method.args.vararg is None, method.name
    assert method.args.kwarg is None, method.name
    return [each.arg for each in (*method.args.args[1:], *method.args.kwonlyargs)]


def passed(method: "ast.FunctionDef | ast.AsyncFunctionDef") -> str:
    """Give all arguments as they are passed on."""
    by_name = [f"{each.arg}={each.arg}" for each in method.args.kwonlyargs]
    return ", ".join([*(each.arg for each in method.args.args[1:]), *by_name])


def generate() -> str:
    """Give the file's text, before it is formatted."""
    return Generator().source()


if __name__ == "__main__":
    print(generate(), end="")
