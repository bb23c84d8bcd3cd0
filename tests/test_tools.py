"""Canaries in the tools that print objects and local variables: each shows ids and no secret."""

import copy
import io
import json
import logging
import pprint
import reprlib
import sys
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import UnionType
from typing import Any, Literal, get_args, get_origin

import attrs
import loguru
import pytest
import rich.console
import rich.pretty
import rich.traceback
import structlog
import typer
from yarl import URL

import nango_client
from nango_client import (
    ActionError,
    APIStatusError,
    CachePolicy,
    Connection,
    NangoClient,
    NangoError,
    RetryPolicy,
    TimeoutPolicy,
)
from nango_client._config import Settings
from nango_client.models._base import JsonValue, Model
from nango_client.models._frozen import freeze

# Loggers show names of tests as well, so no test may be called like it.
BIRD = "kxanaryk"
CANARY = f"{BIRD}@example.com"
SECRETS = freeze({CANARY: CANARY, "nested": [{BIRD: CANARY}]})
PUBLIC = [getattr(nango_client, name) for name in nango_client.__all__]
CLASSES = [value for value in PUBLIC if isinstance(value, type)]
MODELS = [cls for cls in CLASSES if issubclass(cls, Model)]


def of_type(kind: Any, *, secret: bool) -> Any:
    """Make a value for a field; a secret one is made of canaries."""
    if kind == JsonValue:
        return SECRETS
    if isinstance(kind, UnionType):
        return of_type(get_args(kind)[0], secret=secret)
    if get_origin(kind) is Literal:
        return get_args(kind)[0]
    if get_origin(kind) is tuple:
        return (of_type(get_args(kind)[0], secret=secret),)
    if get_origin(kind) is Mapping and not secret:
        return freeze({"shown": of_type(get_args(kind)[1], secret=False)})
    if kind in (None, type(None)):
        return None
    if kind is str:
        return CANARY if secret else "shown"
    if kind is bytes:
        return CANARY.encode() if secret else b"shown"
    if attrs.has(kind):
        return made(kind)
    if isinstance(kind, type) and not issubclass(kind, Mapping):
        return {int: 1, bool: True, datetime: datetime(2027, 1, 1, tzinfo=UTC)}[kind]
    return SECRETS


def made(cls: Any, **fields: Any) -> Any:
    """Make a model whose hidden fields are all canaries."""
    return cls(
        **{
            field.alias: of_type(field.type, secret=not field.repr)
            for field in attrs.fields(cls)
            if not getattr(field.default, "takes_self", False)
        }
        | fields
    )


def of_server() -> dict[str, Any]:
    return {"message": CANARY, "payload": SECRETS, "headers": {"Set-Cookie": CANARY}}


def status_errors() -> list[APIStatusError]:
    classes = [cls for cls in CLASSES if issubclass(cls, APIStatusError)]
    return [
        *(cls("the text", status=500, code="shown", **of_server()) for cls in classes),
        ActionError("the text", status=500, upstream={"body": CANARY}, **of_server()),
    ]


def things() -> list[Any]:
    """Give one of everything that holds secrets."""
    models = [made(cls) for cls in MODELS]
    connections = [
        made(Connection, credentials=model) for model in models if hasattr(model, "is_expired")
    ]
    policies = [TimeoutPolicy(), RetryPolicy(), CachePolicy()]
    return [
        *models,
        *connections,
        *status_errors(),
        *policies,
        NangoClient(CANARY.replace("@", "-")),
        Settings(URL("https://nango.example"), CANARY),
    ]


def fail(thing: object) -> None:
    raise ValueError("the provider said no", type(thing).__name__)


def caught(thing: object) -> ValueError:
    try:
        fail(thing)
    except ValueError as error:
        return error
    raise AssertionError


def by_structlog_json(thing: object) -> str:
    out = io.StringIO()
    processors: list[Any] = [
        structlog.processors.dict_tracebacks,
        structlog.processors.JSONRenderer(),
    ]
    log = structlog.wrap_logger(structlog.PrintLogger(out), processors=processors)
    log.error("failed", exc_info=caught(thing), thing=thing)
    return out.getvalue()


def by_structlog_console(thing: object) -> str:
    out = io.StringIO()
    renderer = structlog.dev.ConsoleRenderer(colors=False)
    log = structlog.wrap_logger(structlog.PrintLogger(out), processors=[renderer])
    log.error("failed", exc_info=caught(thing), thing=thing)
    return out.getvalue()


def by_rich(thing: object) -> str:
    console = rich.console.Console(file=io.StringIO(), width=200, record=True)
    error = caught(thing)
    console.print(
        rich.traceback.Traceback.from_exception(
            type(error), error, error.__traceback__, show_locals=True, locals_max_string=None
        )
    )
    return console.export_text() + rich.pretty.pretty_repr([thing, {"inside": thing}])


def by_typer(thing: object) -> str:
    app = typer.Typer(pretty_exceptions_show_locals=True, add_completion=False)
    app.command()(lambda: fail(thing))
    shown = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "excepthook", sys.__excepthook__)
        patch.setattr(sys, "stderr", shown)
        try:
            app([])
        except ValueError as error:
            sys.excepthook(type(error), error, error.__traceback__)
    return shown.getvalue()


def by_loguru(thing: object) -> str:
    out = io.StringIO()
    sink = loguru.logger.add(out, diagnose=True, backtrace=True)
    loguru.logger.opt(exception=caught(thing)).error("failed: {} {!r}", thing, thing)
    loguru.logger.remove(sink)
    return out.getvalue()


def by_the_standard_library(thing: object) -> str:
    shown = traceback.TracebackException.from_exception(caught(thing), capture_locals=True)
    record = logging.makeLogRecord({"msg": "%s %r", "args": (thing, [thing])})
    return "".join(
        [
            *shown.format(),
            record.getMessage(),
            pprint.pformat({"thing": [thing]}),
            reprlib.repr(thing),
            f"{thing}",
        ]
    )


def by_its_fields(thing: Any) -> str:
    """Do what tools do that walk fields: those of attrs by its mark, all others by `vars`."""
    if attrs.has(type(thing)):
        fields = attrs.asdict(thing, filter=lambda field, _: field.repr)
        return f"{type(thing).__name__} {fields}"
    return f"{type(thing).__name__} {vars(thing)} {getattr(thing, 'args', '')}"


TOOLS: list[Callable[[object], str]] = [
    by_structlog_json,
    by_structlog_console,
    by_rich,
    by_typer,
    by_loguru,
    by_the_standard_library,
    by_its_fields,
]


@pytest.fixture(autouse=True)
def nothing_else_is_logged() -> None:
    loguru.logger.remove()


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("thing", things(), ids=lambda thing: type(thing).__name__)
def test_no_tool_shows_a_secret(thing: object, tool: Callable[[object], str]) -> None:
    """Every model, every error of a status, policies and the client itself, as local variables."""
    shown = tool(thing)

    assert type(thing).__name__ in shown
    assert BIRD not in shown


def test_the_tools_would_show_it() -> None:
    """Each of them shows what an object does not hide."""

    @attrs.frozen
    class Open:
        token: str = CANARY

    assert all(BIRD in tool(Open()) for tool in TOOLS)


def test_every_hidden_field_of_a_model_held_a_canary() -> None:
    """What these tests make is what they look for."""
    for model in map(made, MODELS):
        for field in attrs.fields(type(model)):
            if not field.repr:
                assert BIRD in repr(getattr(model, field.name))


@pytest.mark.parametrize("error", status_errors(), ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy, NangoError.replica])
def test_a_copied_error_keeps_what_is_out_of_sight(
    error: APIStatusError, way: Callable[[APIStatusError], APIStatusError]
) -> None:
    """An error that is handed on in the process has all that its first one had."""
    twin = way(error)

    assert twin is not error
    for name in ("args", "status", "code", "message", "payload", "headers"):
        assert getattr(twin, name) == getattr(error, name)
    if isinstance(error, ActionError):
        assert isinstance(twin, ActionError)
        assert twin.upstream == error.upstream
    assert json.dumps(vars(twin)) == json.dumps(vars(error))
