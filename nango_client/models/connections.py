"""A connection, as ``GET /connection/{id}`` answers."""

from collections.abc import Mapping
from datetime import datetime

from attrs import Factory, field

from nango_client.models._base import Model, model
from nango_client.models._frozen import EMPTY
from nango_client.models.credentials import Credentials


@model
class Organization(Model):
    """The organisation that an end user belongs to, in the caller's own words.

    Example:
        >>> Organization(id='acme', display_name='Acme').display_name
        'Acme'
    """

    id: str
    display_name: str | None = None


@model
class EndUser(Model):
    """The person who made the connection, in the caller's own words.

    Example:
        >>> EndUser(id='user-42', email='ada@example.com')  # an address never shows
        EndUser(id='user-42', organization=None)
    """

    id: str
    email: str | None = None
    display_name: str | None = None
    tags: Mapping[str, str] = EMPTY
    organization: Organization | None = None


@model
class ConnectionIssue(Model):
    """Something that Nango holds against the connection, such as a failed renewal.

    Example:
        >>> ConnectionIssue(type='auth', log_id='log-1')
        ConnectionIssue(type='auth', log_id='log-1')
    """

    type: str
    log_id: str | None = None


def _end_of_credentials(connection: "Connection") -> datetime | None:
    return connection.credentials.expires_at


@model
class Connection(Model):
    """A connection and its credentials, as Nango answered.

    Example:
        >>> connection = await nango.get_connection("user-42", "github")
        >>> connection.provider, connection.credentials.type
        ('github', 'OAUTH2')
    """

    id: int
    connection_id: str
    provider_config_key: str
    provider: str | None = None
    credentials: Credentials
    connection_config: Mapping[str, object] = EMPTY
    """What the integration needs besides credentials, such as a subdomain; can hold secrets."""
    metadata: Mapping[str, object] | None = None
    """What the caller stored with the connection."""
    tags: Mapping[str, str] = EMPTY
    end_user: EndUser | None = None
    errors: tuple[ConnectionIssue, ...] = ()
    webhook_url_override: str | None = None
    account_id: int | None = None
    created_at: datetime
    updated_at: datetime
    last_fetched_at: datetime | None = None
    expires_at: datetime | None = field(default=Factory(_end_of_credentials, takes_self=True))
    """The earliest end of the main credentials and of the tokens in ``connection_config`` that were
    alive when the answer came (aware, UTC), or None."""
