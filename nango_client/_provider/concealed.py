"""Values of headers that no ``repr`` shows: aiohttp's answers and errors have them."""

from typing import final

from multidict import CIMultiDict

from nango_client._provider.plans import Plan


@final
class Concealed(str):
    """A text that looks like any other, but not in a ``repr``."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


def conceal(plan: Plan) -> CIMultiDict[str]:
    """Give the headers of `plan`; what is ours in them no longer shows."""
    headers = plan.headers
    for name in plan.injected.headers:
        value = headers[name]
        if type(value) is not Concealed:
            headers[name] = Concealed(value)
    return headers
