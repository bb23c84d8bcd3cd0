"""``nango-client request``: one call of a provider, with the credentials put in."""

import argparse
import json
import sys

import aiohttp

from nango_client._client import NangoClient
from nango_client.exceptions import ConnectionFailedError, InvalidArgumentError

_PORTION = 64 * 1024


async def request(options: argparse.Namespace) -> None:
    """Send it, and print the provider's answer as it comes, whatever its status."""
    headers = _headers(options.header or [])
    data = None if options.data is None else options.data.encode()
    if data is not None and "content-type" not in {name.lower() for name in headers}:
        headers["Content-Type"] = "application/json" if _is_json(data) else "text/plain"
    async with NangoClient(allow_insecure_http=options.allow_insecure_http) as nango:
        way = nango.proxy if options.proxy else nango.direct
        provider = way(options.connection_id, options.provider_config_key)
        async with provider.request(
            options.method.upper(), options.path, headers=headers, data=data
        ) as response:
            if options.include:
                print(f"HTTP {response.status} {response.reason or ''}".rstrip())
                for name, value in response.headers.items():
                    print(f"{name}: {value}")
                print(flush=True)
            try:
                async for portion in response.content.iter_chunked(_PORTION):
                    sys.stdout.buffer.write(portion)
            except aiohttp.ClientError:
                broken = True
            else:
                broken = False
    sys.stdout.buffer.flush()
    if broken:
        raise ConnectionFailedError("the connection broke before the whole answer had come")


def _headers(lines: list[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        name, separator, value = line.partition(":")
        if not separator or not name.strip():
            raise InvalidArgumentError("a header is given as 'Name: value'")
        headers[name.strip()] = value.strip()
    return headers


def _is_json(text: bytes) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
