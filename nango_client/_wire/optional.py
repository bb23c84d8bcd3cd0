"""Which fields of an answer are worth an error.

What the caller did not ask for cannot fail the call: a provider's free-form answer, a tag, the
name of the end user are no reason to withhold a token. So a field of a model is one of three kinds:

**demanded**: it has no default. Ids, dates that are always there, and what the class exists for,
such as ``access_token``; credentials that only sign with several values together demand them all.

**exact**: it may be missing or null, and then has its default; anything else of another shape is
an error. These are the other dates, ``type``, and what is declared ``exact``: a token that is
there, but not text, must not pass for one that is missing, nor a cursor for the end of a list.

**optional**: all others. Of another shape, they have their default. That holds from the outermost
field in: a connection whose end user has no readable id has no end user, and an end user whose
organization has none is one without organization.
"""

from datetime import datetime
from typing import Any

import attrs

from nango_client.models._base import is_exact


def is_optional(field: "attrs.Attribute[Any]") -> bool:
    """Say whether a field of another shape than its model's has its default instead."""
    return not (
        field.default is attrs.NOTHING
        or field.name == "type"
        or field.type in (datetime, datetime | None)
        or is_exact(field)
    )
