"""A connect session: what lets a user connect in the browser."""

from datetime import datetime

from nango_client.models._base import Model, model, shown


@model
class ConnectSession(Model):
    """What to hand to the user's browser; whoever has it may connect, for 30 minutes.

    Example:
        >>> session = await nango.connect_sessions.create(tags={"end_user_id": "user-42"})
        >>> session.connect_link
        'http...'
    """

    token: str
    """For Nango's frontend library."""
    connect_link: str | None = None
    """The page on which the user connects; it holds the token. None from servers without one."""
    expires_at: datetime = shown()
    """When token and link end (aware, UTC); it cannot be put off."""
