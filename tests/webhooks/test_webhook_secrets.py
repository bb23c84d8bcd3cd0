"""No key, personal data or payload of a webhook in anything that ends up in a log."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import rich.pretty
import rich.traceback
import structlog
import structlog.tracebacks
from deliveries import event_of, wire_of
from leaks import all_that_shows

from nango_client import NangoError, webhooks

KEY = "canary-key"
ERROR = {"type": "script_error", "description": "canary", "payload": {"name": "canary"}}
WIRES: dict[str, Any] = {
    "auth": wire_of(
        "auth-refresh-failed-o2-fail-invalid-grant",
        error=ERROR,
        tags={"canary": "canary@example.com"},
        endUser={"endUserId": "u", "endUserEmail": "canary@example.com", "tags": {"canary": "x"}},
        canary="canary",
    ),
    "sync": wire_of("sync-error", error=ERROR, checkpoints={"from": {"canary": 1}, "to": None}),
    "async_action": wire_of("async-action-success", canary="canary"),
    "forward": wire_of("forward", payload={"canary": ["canary"]}),
    "unknown": {"type": "canary", "email": "canary@example.com"},
    "no object": ["canary"],
}
HERE = str(Path(__file__).parents[1])


@pytest.mark.parametrize("kind", WIRES)
def test_an_event_shows_ids_names_and_times_only(kind: str) -> None:
    """In its repr, in rich's, and in a log of structlog."""
    event = event_of(WIRES[kind])
    log = structlog.wrap_logger(
        structlog.ReturnLogger(), processors=[structlog.processors.KeyValueRenderer()]
    )

    shown = [repr(event), str(event), rich.pretty.pretty_repr(event), log.info("came", what=event)]

    assert "canary" in json.dumps(event.raw)
    assert "canary" not in "\n".join(map(str, shown))
    if event.connection_id is not None:
        assert all(event.connection_id in str(text) for text in shown)


BODY = json.dumps(WIRES["auth"]).encode()
SIGNED = webhooks.sign(BODY, KEY)
FORGED = {"X-Nango-Hmac-Sha256": "canary", "canary": "canary"}
NO_JSON = b"canary"

RAISING: dict[str, Callable[[], object]] = {
    "wrong signature": lambda: webhooks.receive(BODY, FORGED, KEY),
    "wrong key": lambda: webhooks.receive(BODY, SIGNED, ["canary-1", "canary-2"]),
    "no signature": lambda: webhooks.receive(BODY, {"canary": "canary"}, KEY),
    "signature of no text": lambda: webhooks.receive(
        BODY, {"X-Nango-Hmac-Sha256": {"canary": 1}}, KEY
    ),
    "doubled": lambda: webhooks.verify(BODY, [*SIGNED.items(), *FORGED.items()], KEY),
    "only the old": lambda: webhooks.verify(BODY, {"X-Nango-Signature": "canary"}, KEY),
    "no headers": lambda: webhooks.verify(BODY, "canary", KEY),  # type: ignore[arg-type]
    "unusable key": lambda: webhooks.receive(BODY, SIGNED, "canary\x00"),
    "unusable keys": lambda: webhooks.receive(BODY, SIGNED, [KEY, ""]),
    "text": lambda: webhooks.receive("canary", SIGNED, KEY),  # type: ignore[arg-type]
    "no JSON": lambda: webhooks.receive(NO_JSON, webhooks.sign(NO_JSON, KEY), KEY),
    "no JSON to parse": lambda: webhooks.parse(NO_JSON),
    "nothing to sign": lambda: webhooks.sign("canary", KEY),  # type: ignore[arg-type]
    "nothing to sign with": lambda: webhooks.sign(BODY, ["canary"]),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("case", RAISING)
def test_an_error_shows_neither_body_nor_headers_nor_key(case: str) -> None:
    """Not in its text, nor in a traceback with captured locals, of whichever tool."""
    with pytest.raises(NangoError) as caught:
        RAISING[case]()

    error = caught.value
    assert error.__cause__ is None
    assert error.__context__ is None
    by_rich = rich.traceback.Traceback.extract(
        type(error), error, error.__traceback__, show_locals=True, locals_max_string=None
    )
    by_structlog = structlog.tracebacks.extract(
        type(error), error, error.__traceback__, show_locals=True
    )
    frames = [frame for trace in by_rich.stacks for frame in trace.frames]
    others = [frame for trace in by_structlog.stacks for frame in trace.frames]
    ours = [frame for frame in (*frames, *others) if not frame.filename.startswith(HERE)]
    assert len(ours) == 2
    assert "canary" not in all_that_shows(error) + repr([frame.locals for frame in ours])
