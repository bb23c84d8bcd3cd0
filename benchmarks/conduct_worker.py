"""One of the clients in `conduct.py`: `python conduct_worker.py NAME ADDRESS API_KEY`.

Reads lines of `CONNECTION_ID CALLS AT_ONCE`; answers each with how many calls gave a token, and with
what an error looks like where it is logged with all its fields.
"""

import json
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import requests
from wire import INTEGRATION

from nango_client.sync import NangoClient

NAME, ADDRESS, API_KEY = sys.argv[1:]


def with_nango_client() -> Callable[[str], str]:
    nango = NangoClient(API_KEY, base_url=ADDRESS)
    return lambda connection_id: nango.get_token(connection_id, INTEGRATION)


def with_a_snippet() -> Callable[[str], str]:
    """Give what most public Python code does that calls Nango."""

    def get_token(connection_id: str) -> str:
        response = requests.get(  # noqa: S113  there is none in such code
            f"{ADDRESS}/connection/{connection_id}?provider_config_key={INTEGRATION}",
            headers={"Authorization": f"Bearer {API_KEY}"},
        )
        response.raise_for_status()
        return str(response.json()["credentials"]["access_token"])

    return get_token


def fields(thing: object, depth: int = 3) -> Iterator[str]:
    """Give the text of an object and of its fields, as tools that walk them do."""
    yield repr(thing)
    if depth:
        for value in getattr(thing, "__dict__", {}).values():
            yield from fields(value, depth - 1)


def main() -> None:
    get_token = {"nango_client": with_nango_client, "snippet": with_a_snippet}[NAME]()
    print("ready", flush=True)
    for line in sys.stdin:
        connection_id, calls, at_once = line.split()
        tokens, said = 0, ""
        with ThreadPoolExecutor(int(at_once)) as pool:
            for call in [pool.submit(get_token, connection_id) for _ in range(int(calls))]:
                error = call.exception()
                tokens += error is None
                said = said if error is None else "\n".join(fields(error))
        print(json.dumps({"tokens": tokens, "said": said}), flush=True)


main()
