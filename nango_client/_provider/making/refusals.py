"""How the parts of this room say that a request cannot be made right."""

import re
from typing import Final

from nango_client.exceptions import UnsupportedProviderError

USE_PROXY: Final = "call it through client.proxy"
CHECK_CONNECTION: Final = "correct the connection's configuration, or let the user connect again"

# Names come from the provider's entry; a text shows them where they are surely names.
_NAME = re.compile(r"[A-Za-z0-9_.:+-]{1,80}")


class Refused(Exception):  # noqa: N818  never leaves the room
    """Raised among secrets and caught by `Recipe.prepare`, so that no traceback shows those.

    Args:
        reason: what cannot be done, in words that hold no value.
        advice: what the caller can do.
    """

    def __init__(self, reason: str, advice: str = USE_PROXY) -> None:
        super().__init__(reason)
        self.reason = reason
        self.advice = advice


def shown_name(name: str) -> str:
    """Give a name of the provider's entry for use in a text."""
    return f"'{name}'" if _NAME.fullmatch(name) else "of an unreadable name"


def unsupported(provider: str, reason: str, advice: str) -> UnsupportedProviderError:
    """Make the error that callers see."""
    text = f"provider {shown_name(provider)} cannot be called directly: {reason}; {advice}"
    return UnsupportedProviderError(text, provider=provider, reason=reason)


def missing_extra(extra: str, purpose: str) -> Refused:
    """Make the refusal where an optional library is not installed."""
    return Refused(
        f"{purpose} need an optional library",
        f'pip install "nango-client[{extra}]", or {USE_PROXY}',
    )


def to_bytes(text: str) -> bytes:
    """Encode as UTF-8; a text with half of a surrogate pair is no text."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        pass
    raise Refused("a value of the connection is no valid Unicode", CHECK_CONNECTION)
