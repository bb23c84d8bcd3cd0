"""What Nango's proxy makes of a request's body. Source: API.md sections 6 and 12."""

import json
from email.parser import BytesParser
from email.policy import HTTP
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from nango_client.testing._account import Call
from nango_client.testing._schema import MISSING, parse_query

if TYPE_CHECKING:
    from email.message import Message

_JSON: Final = "application/json"
_FORM: Final = "application/x-www-form-urlencoded"
_PARTS: Final = "multipart/form-data"


def body_for_provider(call: Call) -> tuple[bytes | None, str | None]:
    """Give the body that reaches the provider and, unless the caller names one, its type.

    JSON is read and written anew, forms become JSON, and so do parts, of which the files are lost;
    a ``Nango-Proxy-Content-Type`` of the same type saves these two. Of anything else the bytes
    stay, but not the type. Without a type there is no body.
    """
    request = call.request
    sent = request.headers.get("Content-Type", "")
    wanted = request.headers.get("Nango-Proxy-Content-Type", "")
    kind = sent.partition(";")[0].strip().lower()
    if not kind:
        return None, None
    if kind == _JSON:
        return (None, None) if call.body is MISSING else (_written(call.body), _JSON)
    if kind == _FORM:
        form = parse_query(request.body.decode(errors="replace"))
        if wanted.startswith(_FORM):
            return urlencode(form, doseq=True).encode(), _FORM
        return _written(form), _JSON
    if kind == _PARTS:
        if wanted == _PARTS:
            return request.body, sent
        return _written(_texts(sent, request.body)), _JSON
    return request.body, _FORM


def _written(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _texts(content_type: str, body: bytes) -> dict[str, str]:
    """Give the fields of a form that are no files."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    parsed: Message = BytesParser(policy=HTTP).parsebytes(head + body)
    texts: dict[str, str] = {}
    for part in parsed.walk():
        name = part.get_param("name", header="Content-Disposition")
        if isinstance(name, str) and part.get_filename() is None:
            content = part.get_payload(decode=True)
            texts[name] = content.decode(errors="replace") if isinstance(content, bytes) else ""
    return texts
