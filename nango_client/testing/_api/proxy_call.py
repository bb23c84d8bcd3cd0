"""The proxy's own request to the provider. Source: API.md section 6."""

from collections.abc import Set as AbstractSet
from typing import Final

import aiohttp
from multidict import CIMultiDict

from nango_client._provider.making.plans import Plan
from nango_client.testing._messages import Answer, json_answer

_KEPT: Final = ("Content-Type", "Mcp-Session-Id", "X-Request-Id", "X-Correlation-Id")
# aiohttp has unpacked the body, and counts its bytes anew.
_OF_THE_HOP: Final = ("Content-Encoding", "Content-Length", "Connection", "Keep-Alive")
_MOST_REDIRECTS: Final = 5


async def ask_provider(plan: Plan, tries: int, retry_on: AbstractSet[int]) -> Answer:
    """Give what the proxy answers; between two tries the mock does not wait, as Nango does.

    Args:
        plan: what is sent.
        tries: how often at most.
        retry_on: statuses at which it is sent again, besides 401, 429 and 500 and over.
    """
    async with aiohttp.ClientSession(
        cookie_jar=aiohttp.DummyCookieJar(), trust_env=False
    ) as session:
        while True:
            answer, is_failure = await _ask_once(session, plan)
            tries -= 1
            again = is_failure or answer.status in {401, 429, *retry_on} or answer.status >= 500  # noqa: PLR2004
            if not (tries and again):
                return answer


async def _ask_once(session: aiohttp.ClientSession, plan: Plan) -> tuple[Answer, bool]:
    try:
        async with session.request(
            plan.method,
            plan.url,
            headers=plan.headers,
            data=plan.body,
            max_redirects=_MOST_REDIRECTS,
            skip_auto_headers=("Content-Type",),
        ) as response:
            return _left_over(response, await response.read()), False
    except (aiohttp.ClientError, OSError) as error:
        code, message = _named(error)
        told = {"message": message, "code": code, "method": plan.method.lower()}
        return json_answer(500, told), True


def _left_over(response: aiohttp.ClientResponse, body: bytes) -> Answer:
    status, headers = response.status, CIMultiDict(response.headers)
    for name in _OF_THE_HOP:
        headers.popall(name, None)
    disposition = headers.get("Content-Disposition", "")
    is_streamed = "Transfer-Encoding" in headers or disposition.startswith(("attachment", "inline"))
    if is_streamed or status >= 400:  # noqa: PLR2004
        return Answer(status, body, headers)
    kept = CIMultiDict((name, value) for name, value in headers.items() if name.title() in _KEPT)
    # Of the successes only "no content" survives.
    return Answer(status if status == 204 else 200, body, kept)  # noqa: PLR2004


def _named(error: Exception) -> tuple[str, str]:
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "ENOTFOUND", "getaddrinfo ENOTFOUND"
    if isinstance(error, aiohttp.ClientConnectorError):
        return "ECONNREFUSED", "connect ECONNREFUSED"
    if isinstance(error, aiohttp.TooManyRedirects):
        return "ERR_FR_TOO_MANY_REDIRECTS", "Maximum number of redirects exceeded"
    return "ECONNRESET", "socket hang up"
