"""The header that credentials make where the provider's entry says nothing else.

Source: PROXY.md §2.8, §2.11 and §10.12.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from multidict import CIMultiDict

from nango_client._provider.making import signatures
from nango_client._provider.making.entries import Entry
from nango_client._provider.making.functions import Target
from nango_client._provider.making.plans import ClientSecrets
from nango_client._provider.making.refusals import CHECK_CONNECTION, Refused
from nango_client._provider.making.templates import text_of
from nango_client._provider.making.variables import basic_header, basic_pair, bearer_header
from nango_client.models import (
    AwsSigV4Credentials,
    Connection,
    Credentials,
    OAuth1Credentials,
    TbaCredentials,
    TwoStepCredentials,
    UnknownCredentials,
)

_REALM = re.compile(r"[A-Z0-9_-]{1,64}")
# What a hop may change is not signed, nor what the signature itself replaces.
_UNSIGNED: Final = frozenset(
    {"authorization", "connection", "expect", "transfer-encoding", "te", "x-amzn-trace-id"}
)


def default_header(
    entry: Entry,
    connection: Connection,
    credentials: Credentials,
    target: Target,
    client: ClientSecrets | None,
    now: datetime,
    nonce: Callable[[], str],
) -> str | None:
    """Give the ``Authorization`` header by the kind of credentials; None where there is none.

    Raises:
        Refused: the credentials are empty, or of a kind that this version does not know.
    """
    if isinstance(credentials, TwoStepCredentials) and entry.carries_token:
        return None
    bearer = bearer_header(credentials)
    if bearer is not None:
        return bearer
    pair = basic_pair(credentials)
    if pair is not None:
        return basic_header(pair)
    stamp = int(now.timestamp())
    if isinstance(credentials, OAuth1Credentials):
        if client is None or not client.client_id or not client.client_secret:
            raise Refused(
                "its signatures need the integration's id and secret, which Nango does not give",
                "use an integration with your own app, and an API key that may read its "
                "credentials (environment:integrations:read_credentials)",
            )
        return signatures.oauth1(
            method=target.method,
            url=target.origin + target.path,
            query=target.query,
            consumer=(client.client_id, client.client_secret),
            token=(credentials.oauth_token, credentials.oauth_token_secret),
            signature_method=entry.signature_method,
            timestamp=stamp,
            nonce=nonce(),
        )
    if isinstance(credentials, TbaCredentials):
        return signatures.oauth1(
            method=target.method,
            url=target.origin + target.path,
            query=target.query,
            consumer=_tba_consumer(connection, credentials),
            token=(credentials.token_id, credentials.token_secret),
            signature_method="HMAC-SHA256",
            timestamp=stamp,
            nonce=nonce(),
            realm=_realm(connection),
        )
    if isinstance(credentials, UnknownCredentials):
        raise Refused("its credentials are of a kind that this version does not know")
    return None


def _tba_consumer(connection: Connection, credentials: TbaCredentials) -> tuple[str, str]:
    own: Mapping[str, object] = credentials.config_override or {}
    config = connection.connection_config
    client_id = text_of(own.get("client_id") or config.get("oauth_client_id"))
    secret = text_of(own.get("client_secret") or config.get("oauth_client_secret"))
    if not client_id or not secret:
        raise Refused("the connection has no consumer key and secret", CHECK_CONNECTION)
    return client_id, secret


def _realm(connection: Connection) -> str:
    account = text_of(connection.connection_config.get("accountId")) or ""
    realm = account.replace("-", "_", 1).upper()
    if not _REALM.fullmatch(realm):
        raise Refused("the connection has no usable account id", CHECK_CONNECTION)
    return realm


def sign_for_aws(
    headers: CIMultiDict[str], credentials: AwsSigV4Credentials, target: Target, now: datetime
) -> set[str]:
    """Sign all headers of a request for AWS, in place; give the names of what was put in."""
    needed = (
        *(credentials.access_key_id, credentials.secret_access_key),
        *(credentials.region, credentials.service),
    )
    if not all(needed):
        raise Refused("the connection's credentials are empty", CHECK_CONNECTION)
    now = now.astimezone(UTC)
    opaque = target.body.is_opaque
    unsigned = opaque and credentials.service == "s3"
    payload_hash = "UNSIGNED-PAYLOAD" if unsigned else hashlib.sha256(target.content()).hexdigest()
    ours = {
        "Host": target.host,
        "X-Amz-Date": f"{now:%Y%m%dT%H%M%SZ}",
        "X-Amz-Content-SHA256": payload_hash,
    }
    if credentials.session_token:
        ours["X-Amz-Security-Token"] = credentials.session_token
    headers.popall("authorization", None)
    for name, value in ours.items():
        headers[name] = value
    signed = {
        name.lower(): ",".join(headers.getall(name))
        for name in headers
        if name.lower() not in _UNSIGNED
    }
    headers["Authorization"] = signatures.sigv4(
        method=target.method,
        origin=target.origin,
        path=target.path,
        query=target.query,
        headers=signed,
        payload_hash=payload_hash,
        keys=(credentials.access_key_id, credentials.secret_access_key),
        region=credentials.region,
        service=credentials.service,
        now=now,
    )
    return {"authorization", *(name.lower() for name in ours)}
