"""A connection, as ``GET /connection/{id}`` answers."""

from collections.abc import Mapping
from datetime import datetime

from attrs import Factory

from nango_client.models._base import LazyModel, Model, model, shown
from nango_client.models._frozen import EMPTY
from nango_client.models.credentials import Credentials


@model
class Organization(Model):
    """The organisation that an end user belongs to, in the caller's own words.

    Example:
        >>> Organization(id='acme', display_name='Acme').display_name
        'Acme'
    """

    id: str = shown()
    display_name: str | None = None


@model
class EndUser(Model):
    """The person who made the connection, in the caller's own words.

    Example:
        >>> EndUser(id='user-42', email='ada@example.com')  # an address never shows
        EndUser(id='user-42', organization=None)
    """

    id: str = shown()
    email: str | None = None
    display_name: str | None = None
    tags: Mapping[str, str] = EMPTY
    organization: Organization | None = shown(default=None)


@model
class ConnectionIssue(Model):
    """Something that Nango holds against the connection, such as a failed renewal.

    Example:
        >>> ConnectionIssue(type='auth', log_id='log-1')
        ConnectionIssue(type='auth', log_id='log-1')
    """

    type: str = shown()
    log_id: str | None = shown(default=None)


@model
class ConnectionSummary(LazyModel):
    """A connection as lists have it: without its credentials.

    Example:
        >>> async for summary in nango.connections.list(search="user-42"):
        ...     print(summary.connection_id, summary.provider_config_key)
        user-42 ashby
        user-42 algolia
        user-42 github
    """

    id: int = shown()
    connection_id: str = shown()
    provider_config_key: str = shown()
    provider: str | None = shown(default=None)
    errors: tuple[ConnectionIssue, ...] = shown(default=())
    end_user: EndUser | None = shown(default=None)
    tags: Mapping[str, str] = EMPTY
    metadata: Mapping[str, object] | None = None
    """What the caller stored with the connection."""
    created_at: datetime = shown(wire="created")


def _end_of_credentials(connection: "Connection") -> datetime | None:
    return connection.credentials.expires_at


@model
class Connection(Model):
    """A connection and its credentials, as Nango answered.

    Mappings and lists inside are read-only, because all callers share them; ``copy.deepcopy`` of
    one gives a plain ``dict`` or ``list``, to change, or to write with tools such as YAML that take
    no other class.

    Example:
        >>> connection = await nango.get_connection("user-42", "github")
        >>> connection.provider, connection.credentials.type
        ('github', 'OAUTH2')
    """

    id: int = shown()
    connection_id: str = shown()
    provider_config_key: str = shown()
    provider: str | None = shown(default=None)
    credentials: Credentials = shown()
    connection_config: Mapping[str, object] = EMPTY
    """What the integration needs besides credentials, such as a subdomain; can hold secrets."""
    metadata: Mapping[str, object] | None = None
    """What the caller stored with the connection."""
    tags: Mapping[str, str] = EMPTY
    end_user: EndUser | None = shown(default=None)
    errors: tuple[ConnectionIssue, ...] = shown(default=())
    webhook_url_override: str | None = None
    account_id: int | None = shown(default=None)
    created_at: datetime = shown()
    updated_at: datetime = shown()
    last_fetched_at: datetime | None = shown(default=None)
    expires_at: datetime | None = shown(default=Factory(_end_of_credentials, takes_self=True))
    """The earliest end of the main credentials and of the tokens in ``connection_config`` that were
    alive when the answer came (aware, UTC), or None."""
