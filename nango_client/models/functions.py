"""The functions of an integration: syncs, actions and event scripts."""

from collections.abc import Mapping
from datetime import datetime

from nango_client.models._base import Model, model, shown, whole


@model
class Function(Model):
    """A sync, an action or an event script, deployed or as a template.

    Example:
        >>> server.add_action("github", "create-issue", result={"number": 1})
        >>> (await nango.functions.get("github", "create-issue")).type
        'action'
    """

    type: str = shown()
    """``sync``, ``action`` or ``on-event``."""
    name: str = shown()
    description: str | None = None
    id: int | None = shown(default=None)
    enabled: bool | None = shown(default=None)
    last_deployed: datetime | None = shown(default=None)
    source: str | None = shown(default=None)
    """Where it came from, such as ``repo`` or ``catalog``."""
    scopes: tuple[str, ...] = shown(default=())
    """The provider's scopes that it needs."""
    raw: Mapping[str, object] = whole()
    """All of it; input and output schemas are in ``json_schema``."""


@model
class FunctionCode(Model):
    """The TypeScript source of a function.

    Example:
        >>> FunctionCode(type='action', code='export default ...')
        FunctionCode(type='action')
    """

    type: str = shown()
    code: str
