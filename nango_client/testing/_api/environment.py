"""What the API answers about the environment."""

from typing import Final

from nango_client.testing._account.environment import Environment
from nango_client.testing._api.route import Call, Routes
from nango_client.testing._messages import Answer, json_answer

routes: Final = Routes()


@routes("GET", "/environment-variables", "variables:read")
def list_variables(call: Call) -> Answer:
    """Answer with the variables and their values."""
    variables = call.account.of(Environment).variables
    return json_answer(200, [{"name": name, "value": text} for name, text in variables.items()])


@routes("POST", "/environment/webhook-signing-key/rotate", "webhook_signing_key:rotate")
def rotate_signing_key(call: Call) -> Answer:
    """Answer with a new signing key."""
    data = {"webhook_signing_key": call.account.of(Environment).rotate()}
    return json_answer(200, {"data": data})


@routes("GET", "/health", query=None, auth="none")
def health(_: Call) -> Answer:
    """Answer that the server is there."""
    return json_answer(200, {"result": "ok"})
