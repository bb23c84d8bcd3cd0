"""What Nango's webhooks tell, one class per kind, and the union of them all.

Tell them apart with ``match``; type checkers then know the fields and notice a forgotten kind.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, NoReturn, SupportsIndex

from nango_client.models._base import JsonValue, Model, hidden, model, shown
from nango_client.models._frozen import EMPTY, freeze
from nango_client.models.syncs import SyncResult


def _frozen(owner: Model, slot: str) -> JsonValue:
    """Freeze what a slot holds, once it is asked for: few receivers look at the whole body."""
    value: JsonValue = freeze(getattr(owner, slot))
    object.__setattr__(owner, slot, value)
    return value


@model
class WebhookEndUser(Model):
    """The person who made the connection, in the caller's own words, as a webhook names them.

    Example:
        >>> WebhookEndUser(id='user-42', email='ada@example.com')  # an address never shows
        WebhookEndUser(id='user-42', organization_id=None)
    """

    id: str = shown(wire="endUserId")
    email: str | None = hidden(default=None, wire="endUserEmail")
    organization_id: str | None = shown(default=None, wire="organizationId")
    tags: Mapping[str, str] = EMPTY


@model
class WebhookError(Model):
    """Why it failed.

    Example:
        >>> WebhookError(type='refresh_token_external_error', description='It said no.')
        WebhookError(type='refresh_token_external_error')
    """

    type: str = shown()
    description: str = hidden()
    """The server's own text, which may quote what a provider or a script wrote."""
    _payload: JsonValue = hidden(default=None, wire="payload", alias="payload")

    @property
    def payload(self) -> JsonValue:
        """More about it, such as a script's stack trace, read-only."""
        return _frozen(self, "_payload")


@model
class _Event(Model):
    _raw: JsonValue = hidden(default=EMPTY, wire="raw", alias="raw")

    @property
    def raw(self) -> JsonValue:
        """The whole body, read-only."""
        return _frozen(self, "_raw")

    def __reduce_ex__(self, _protocol: SupportsIndex) -> NoReturn:
        text = (
            f"{type(self).__name__} holds personal data and is not pickled: pass the request's "
            "body on, and webhooks.parse() it where it is used"
        )
        raise TypeError(text)


@model
class _Enveloped(_Event):
    connection_id: str = shown(wire="connectionId")
    provider_config_key: str = shown(wire="providerConfigKey")


@model
class AuthWebhook(_Enveloped):
    """A connection was made, made again, or failed to be made or renewed.

    Example:
        >>> body = b'''{"from": "nango", "type": "auth", "operation": "creation", "success": true,
        ...     "connectionId": "user-42", "providerConfigKey": "github", "provider": "github",
        ...     "authMode": "OAUTH2", "environment": "dev"}'''
        >>> event = parse(body)
        >>> isinstance(event, AuthWebhook) and event.success
        True
    """

    type: Literal["auth"] = shown(default="auth")
    operation: str = shown()
    """``creation``, ``override`` (connected again) or ``refresh`` (a renewal, or a test)."""
    success: bool = shown()
    """Where it is False, `error` says why. A creation that failed left no connection behind."""
    auth_mode: str = shown(wire="authMode")
    provider: str = shown()
    """The provider's name, or ``unknown``."""
    environment: str = shown()
    """The name of the environment in Nango."""
    tags: Mapping[str, str] = EMPTY
    end_user: WebhookEndUser | None = shown(default=None, wire="endUser")
    """With ``creation`` and ``override``, where a connect session named one."""
    error: WebhookError | None = shown(default=None)


@model
class SyncWebhook(_Enveloped):
    """A sync has run, for one model; where it failed, for all of its models at once.

    Example:
        >>> body = b'''{"from": "nango", "type": "sync", "success": true, "syncName": "issues",
        ...     "connectionId": "user-42", "providerConfigKey": "github", "model": "Issue",
        ...     "syncVariant": "base", "syncType": "INCREMENTAL",
        ...     "responseResults": {"added": 5, "updated": 0, "deleted": 1},
        ...     "modifiedAfter": "2026-11-27T04:26:44.393Z"}'''
        >>> event = parse(body)
        >>> isinstance(event, SyncWebhook) and event.response_results
        SyncResult(added=5, updated=0, deleted=1)
    """

    type: Literal["sync"] = shown(default="sync")
    sync_name: str = shown(wire="syncName")
    sync_variant: str = shown(wire="syncVariant")
    """``base`` unless the sync has variants."""
    model: str = shown()
    """The model's name; of a failed run all names, with commas between."""
    sync_type: str = shown(wire="syncType")
    """``INITIAL`` (also of later full runs), ``INCREMENTAL`` or ``WEBHOOK``; Nango calls it
    deprecated."""
    success: bool = shown()
    """Where it is True, `modified_after` and `response_results` are there; else `error`,
    `started_at` and `failed_at`."""
    modified_after: datetime | None = shown(default=None, wire="modifiedAfter")
    """When the run began (aware, UTC): records changed since then are those of this run."""
    response_results: SyncResult | None = shown(default=None, wire="responseResults")
    checkpoints: Mapping[str, JsonValue] | None = None
    """What the sync itself noted, under ``from`` and ``to``."""
    error: WebhookError | None = shown(default=None)
    started_at: datetime | None = shown(default=None, wire="startedAt")
    """When the sync last ran (aware, UTC), or the time of the failure."""
    failed_at: datetime | None = shown(default=None, wire="failedAt")


@model
class AsyncActionWebhook(_Enveloped):
    """An action that was started has ended, well or badly: ask for its result by `id`.

    Example:
        >>> body = b'''{"from": "nango", "type": "async_action", "connectionId": "user-42",
        ...     "providerConfigKey": "github", "payload": {"id": "run-1"}}'''
        >>> event = parse(body)
        >>> isinstance(event, AsyncActionWebhook) and event.id
        'run-1'
    """

    type: Literal["async_action"] = shown(default="async_action")
    id: str = shown()


@model
class ForwardWebhook(_Enveloped):
    """A webhook of the provider, forwarded for one connection.

    Example:
        >>> body = b'''{"from": "github", "type": "forward", "connectionId": "user-42",
        ...     "providerConfigKey": "github", "payload": {"action": "opened"}}'''
        >>> event = parse(body)
        >>> isinstance(event, ForwardWebhook) and event.payload
        {'action': 'opened'}
    """

    type: Literal["forward"] = shown(default="forward")
    provider: str = shown(wire="from")
    _payload: JsonValue = hidden(wire="payload", alias="payload")

    @property
    def payload(self) -> JsonValue:
        """What the provider sent, read-only; of Google's notifications their headers."""
        return _frozen(self, "_payload")


@model
class UnknownWebhook(_Event):
    """Any other body: a provider's webhook that fits no connection, or an event to come.

    Example:
        >>> event = parse(b'{"action": "opened"}')
        >>> isinstance(event, UnknownWebhook) and event.raw
        {'action': 'opened'}
    """

    type: str | None = None
    """The body's own ``type``, where it has one and that is text; `raw` may be any JSON."""

    @property
    def connection_id(self) -> None:
        """Always None: whose it is cannot be told."""

    @property
    def provider_config_key(self) -> None:
        """Always None: whose it is cannot be told."""


WebhookEvent = AuthWebhook | SyncWebhook | AsyncActionWebhook | ForwardWebhook | UnknownWebhook
"""What a webhook may be.

Example:
    >>> def headline(event: WebhookEvent) -> str:
    ...     match event:
    ...         case AuthWebhook(operation="refresh", success=False):
    ...             return "a renewal failed"
    ...         case ForwardWebhook(provider=name):
    ...             return f"{name} says something"
    ...         case _:
    ...             return event.type or "something else"
    >>> headline(parse(b'{"type": "new"}'))
    'new'
"""
