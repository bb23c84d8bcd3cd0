"""What the API answers about records."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from nango_client.testing._account.records import BASE, Place, Records, Where
from nango_client.testing._api.connections import ids_in_headers
from nango_client.testing._api.route import Call, Routes
from nango_client.testing._messages import Answer, Refusal, error_answer, json_answer
from nango_client.testing._payloads.schema import (
    Fields,
    Issue,
    Path,
    either,
    fields,
    integer,
    issue,
    list_of,
    one_of,
    optional,
    text,
    whole_number,
)
from nango_client.testing._payloads.values import CONNECTION_HEADERS, MODEL, NAME
from nango_client.testing._payloads.wire import microseconds

routes: Final = Routes()

_DEFAULT_LIMIT: Final = 100
_DEFAULT_PRUNED: Final = 1000
_MOST: Final = 10_000
_YEAR: Final = 365 * 86_400
_MILLION: Final = 1_000_000

_DATETIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?Z")
_WORDS: Final = ("added", "updated", "deleted", "ADDED", "UPDATED", "DELETED")


def _moment(value: Any, path: Path) -> Iterator[Issue]:
    """Take a date as zod does: with ``Z``, and no offset."""
    try:
        if isinstance(value, str) and _DATETIME.fullmatch(value):
            datetime.fromisoformat(value)
            return
    except ValueError:
        pass
    yield issue("invalid_format", "Invalid ISO datetime", path)


def _filter(value: Any, path: Path) -> Iterator[Issue]:
    for number, word in enumerate(str(value).split(",")):
        yield from one_of(*_WORDS)(word, (*path, str(number)))


_HEADERS: Final = Fields(CONNECTION_HEADERS, strict=False)
_CURSOR: Final = text(least=1, most=1000)
_ID: Final = text(least=1, most=256)
_LISTED: Final = fields(
    model=MODEL,
    variant=optional(NAME),
    cursor=optional(_CURSOR),
    limit=optional(whole_number(1, _MOST)),
    filter=optional(_filter),
    modified_after=optional(_moment),
    delta=optional(_moment),
    ids=optional(either(_ID, list_of(_ID, most=100))),
)
_PRUNED: Final = fields(
    model=MODEL,
    variant=optional(NAME),
    until_cursor=_CURSOR,
    limit=optional(integer(1, _MOST)),
)


@routes("GET", "/records", "records:read", query=_LISTED, headers=_HEADERS)
def list_records(call: Call) -> Answer:
    """Answer with a page of the records that all filters let through."""
    query = call.query
    since = query.get("delta", query.get("modified_after"))
    oldest = _oldest(call, "delta" if "delta" in query else "modified_after", since)
    records = call.account.of(Records)
    found = records.at(_where(call, query))
    if "cursor" in query:
        begin = _place(query["cursor"], "Failed to fetch records")
        found = [one for one in found if one.place > begin]
    actions = _actions(query.get("filter", ""))
    wanted = query.get("ids", [])
    ids = [wanted] if isinstance(wanted, str) else wanted
    found = [
        one
        for one in found
        if one.modified >= oldest
        and one.last_action in actions
        and (one.id in ids or "ids" not in query)
    ]
    limit = int(query.get("limit", _DEFAULT_LIMIT))
    page = found[: min(limit, records.page_size or limit)]
    next_cursor = page[-1].place.cursor() if len(page) < len(found) else None
    return json_answer(200, {"next_cursor": next_cursor, "records": [one.wire() for one in page]})


@routes("PATCH", "/records/prune", "records:write", headers=_HEADERS, body=_PRUNED)
def prune_records(call: Call) -> Answer:
    """Empty the oldest records up to a cursor."""
    until = _place(call.body["until_cursor"], "Failed to prune records")
    limit = call.body.get("limit", _DEFAULT_PRUNED)
    count = call.account.of(Records).prune(_where(call, call.body), until, limit)
    # The server says that there is more until it has found none.
    return json_answer(200, {"count": count, "has_more": count > 0})


def _where(call: Call, sent: Mapping[str, Any]) -> Where:
    return Where(*ids_in_headers(call), sent["model"], sent.get("variant", BASE))


def _place(cursor: str, message: str) -> Place:
    try:
        return Place.read(cursor)
    except ValueError:
        answer = error_answer(500, "server_error", message=message)
        raise Refusal(answer, "a cursor that the server has given") from None


def _oldest(call: Call, name: str, since: str | None) -> int:
    if since is None:
        return 0
    oldest = microseconds(datetime.fromisoformat(since))
    if oldest < (call.now - _YEAR) * _MILLION:
        complaint = issue("custom", "must be within the last 12 months", (name,))
        answer = error_answer(400, "invalid_query_params", errors=[complaint])
        raise Refusal(answer, f"{name}: {complaint['message']}")
    return oldest


def _actions(words: str) -> tuple[str, ...]:
    """Give the actions that a filter lets through; not all that it names, as at the server."""
    asked = set(words.upper().split(","))
    if "ADDED" in asked:
        return ("ADDED", "UPDATED") if "UPDATED" in asked else ("ADDED",)
    if "UPDATED" in asked:
        return ("UPDATED",)
    return ("DELETED",) if "DELETED" in asked else ("ADDED", "UPDATED", "DELETED")
