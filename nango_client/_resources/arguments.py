"""What the namespaces check before they send: the server's grammars (API.md section 0).

A value never stands in an error's text: it may be secret or personal.
"""

import math
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from nango_client._http.protocol import MAX_ID_LENGTH, check_id
from nango_client._wire.timestamps import format_timestamp
from nango_client.exceptions import InvalidArgumentError
from nango_client.models import EndUser

MAX_TAGS: Final = 10

_NAME = re.compile(r"[a-zA-Z0-9_-]+")
_MODEL = re.compile(r"[A-Z][a-zA-Z0-9_-]+")
_TAG = re.compile(r"[a-zA-Z][a-zA-Z0-9_\-./]{0,63}")


def name(argument: str, value: object) -> str:
    """Give back the name of a function, sync, variant or provider.

    Raises:
        InvalidArgumentError: it has other characters than letters, digits, ``_`` and ``-``.
    """
    checked = check_id(argument, value)
    if not _NAME.fullmatch(checked):
        raise InvalidArgumentError(f"{argument} may hold only letters, digits, _ and -")
    return checked


def model_name(value: object) -> str:
    """Give back the name of a model.

    Raises:
        InvalidArgumentError: it does not begin with an upper-case letter, or is no name.
    """
    checked = check_id("model", value)
    if not _MODEL.fullmatch(checked):
        raise InvalidArgumentError(
            "model must be an upper-case letter and then letters, digits, _ or -, such as 'Issue'"
        )
    return checked


def one_of(argument: str, value: object, *allowed: str) -> str:
    """Give back one of the words that the server knows.

    Raises:
        InvalidArgumentError: it is none of them.
    """
    if isinstance(value, str) and value in allowed:
        return value
    raise InvalidArgumentError(f"{argument} must be one of {', '.join(map(repr, allowed))}")


def whole_number(argument: str, value: object, low: int, high: int) -> int:
    """Give back a whole number within its bounds.

    Raises:
        InvalidArgumentError: it is outside of them, or no whole number.
    """
    if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
        return value
    raise InvalidArgumentError(f"{argument} must be a whole number from {low} to {high}")


def seconds(argument: str, value: object, *, zero: bool = False) -> float:
    """Give back a finite number of seconds above zero, or from zero on.

    Raises:
        InvalidArgumentError: it is none.
    """
    number = value if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    if math.isfinite(number) and (number > 0 or (zero and number == 0)):
        return float(number)
    raise InvalidArgumentError(
        f"{argument} must be a finite number of seconds, {'0 or more' if zero else 'more than 0'}"
    )


def moment(argument: str, value: object) -> datetime:
    """Give back an aware datetime.

    Raises:
        InvalidArgumentError: it has no time zone, so that it could mean several moments.
    """
    if not isinstance(value, datetime):
        raise InvalidArgumentError(f"{argument} must be a datetime, not {type(value).__name__}")
    if value.utcoffset() is None:
        raise InvalidArgumentError(f"{argument} is naive: give it a time zone, such as UTC")
    return value


def timestamp(argument: str, value: object) -> str:
    """Give the wire's form of an aware datetime; the server takes ``Z`` alone.

    Raises:
        InvalidArgumentError: see `moment`.
    """
    return format_timestamp(moment(argument, value))


def several(argument: str, values: object) -> list[str]:
    """Give the strings of an iterable, of which there must be one at least.

    Raises:
        InvalidArgumentError: it is a single string, no iterable, or empty: the server would take
            that for all.
    """
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise InvalidArgumentError(f"{argument} must be a list of str, not {type(values).__name__}")
    found: list[Any] = list(values)  # pyright: ignore[reportUnknownArgumentType]
    if not found:
        raise InvalidArgumentError(f"{argument} is empty, which Nango would take for all of them")
    return found


def mapping(argument: str, value: object) -> Mapping[Any, Any]:
    """Give back a mapping.

    Raises:
        InvalidArgumentError: it is none.
    """
    if not isinstance(value, Mapping):
        raise InvalidArgumentError(f"{argument} must be a mapping, not {type(value).__name__}")
    return value  # pyright: ignore[reportUnknownVariableType]


def tags(value: object) -> dict[str, str]:
    """Give tags by lower-case key, as the server keeps them.

    Raises:
        InvalidArgumentError: the server would refuse them.
    """
    found: dict[str, str] = {}
    for key, text in mapping("tags", value).items():
        if not isinstance(key, str) or not _TAG.fullmatch(key):
            raise InvalidArgumentError(
                "a tag's key must be a letter and then letters, digits, _ - . or /, 64 at most"
            )
        if key.lower() in found:
            raise InvalidArgumentError("two tags have the same key; Nango ignores its case")
        if not isinstance(text, str) or not 1 <= len(text) <= MAX_ID_LENGTH:
            raise InvalidArgumentError(f"a tag's value must be a str of 1 to {MAX_ID_LENGTH}")
        found[key.lower()] = text
    if len(found) > MAX_TAGS:
        raise InvalidArgumentError(f"there are {len(found)} tags; Nango takes {MAX_TAGS} at most")
    return found


def end_user(value: object) -> dict[str, Any]:
    """Give the wire's form of an end user, without its organisation.

    Raises:
        InvalidArgumentError: it is no `EndUser`, or the server would refuse it.
    """
    if not isinstance(value, EndUser):
        raise InvalidArgumentError(f"end_user must be an EndUser, not {type(value).__name__}")
    user: dict[str, Any] = {"id": check_id("end_user.id", value.id)}
    if value.email is not None:
        user["email"] = value.email
    if value.display_name is not None:
        user["display_name"] = check_id("end_user.display_name", value.display_name)
    if value.tags:
        user["tags"] = dict(value.tags)
    return user


def organization(value: EndUser | None) -> dict[str, str] | None:
    """Give the wire's form of an end user's organisation, or None.

    Raises:
        InvalidArgumentError: the server would refuse it.
    """
    if value is None or value.organization is None:
        return None
    found = {"id": check_id("end_user.organization.id", value.organization.id)}
    if value.organization.display_name is not None:
        found["display_name"] = value.organization.display_name
    return found


def count_derived_tags(own: Mapping[str, str] | None, user: EndUser | None) -> None:
    """See that tags fit also with those that the server derives from an end user.

    Raises:
        InvalidArgumentError: they are more than the server takes; it would answer 500.
    """
    keys = set(own or ())
    if user is not None:
        keys |= {tag.lower() for tag in user.tags} | {"end_user_id"}
        keys |= {"end_user_email"} if user.email else set()
        keys |= {"end_user_display_name"} if user.display_name else set()
        if user.organization is not None:
            keys |= {"organization_id"}
            keys |= {"organization_display_name"} if user.organization.display_name else set()
    if len(keys) > MAX_TAGS:
        raise InvalidArgumentError(
            f"with those that Nango derives from end_user there are {len(keys)} tags; "
            f"it takes {MAX_TAGS} at most"
        )
