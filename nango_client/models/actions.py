"""An action that runs by itself."""

from nango_client.models._base import Model, model, shown


@model
class ActionRun(Model):
    """An action that was started; its result is asked for later.

    Example:
        >>> ActionRun(id='00000000-0000-4000-8000-000000000000').id
        '00000000-0000-4000-8000-000000000000'
    """

    id: str = shown()
