"""The sending of webhooks, as the server does it: again where the receiver fails, then no more."""

from typing import TYPE_CHECKING, Final

import aiohttp

if TYPE_CHECKING:
    from nango_client.testing._wire import SignedWebhook

_TRIES: Final = 3
_TIMEOUT: Final = aiohttp.ClientTimeout(total=20)


async def deliver(url: str, webhook: "SignedWebhook") -> None:
    """Send a webhook up to three times, until the status is under 500; the mock does not wait."""
    async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
        for _ in range(_TRIES):
            try:
                async with session.post(
                    url, data=webhook.body, headers=dict(webhook.headers)
                ) as response:
                    if response.status < 500:  # noqa: PLR2004
                        return
            except (aiohttp.ClientError, TimeoutError, OSError):
                pass
