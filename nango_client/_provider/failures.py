"""Our errors for those of aiohttp, whose texts and frames show what was sent."""

import socket
import ssl
from typing import Final

import aiohttp

from nango_client._provider.addresses import ForbiddenAddressError
from nango_client.exceptions import (
    ConnectionFailedError,
    InvalidArgumentError,
    NangoError,
    RequestTimeoutError,
    TransportError,
)

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})


class BrokenConnectionError(aiohttp.ClientError):
    """The connection broke after the request had begun to leave; aiohttp must not repeat it."""


class StoppedError(aiohttp.ClientError):
    """Stands for an error of ours while it travels through aiohttp."""

    def __init__(self, error: NangoError) -> None:
        super().__init__()
        self.error = error


def failure_of(error: Exception, host: str, method: str) -> NangoError:
    """Give our error for one of aiohttp's; it quotes nothing of it.

    Args:
        error: what a call raised.
        host: who did not answer.
        method: of the request: one that may have run is not to be repeated unless twice is once.
    """
    if isinstance(error, StoppedError):
        return error.error
    if isinstance(error, NangoError):
        return error
    failure = _translated(error, host)
    if isinstance(failure, TransportError):
        failure.host = host
        if failure.may_have_run and method not in _SAFE:
            failure.retryable = False
    return failure


def _translated(error: Exception, host: str) -> NangoError:
    match error:
        case (
            ForbiddenAddressError() | aiohttp.ClientConnectorError(os_error=ForbiddenAddressError())
        ):
            return ConnectionFailedError(
                f"{host}, which the connection's data names, has an address that is loopback, "
                "private, link-local or a metadata service: such a one is called only with "
                "base_url=",
                may_have_run=False,
                retryable=False,
            )
        case aiohttp.ClientConnectorCertificateError() | ssl.SSLCertVerificationError():
            return ConnectionFailedError(
                f"the TLS certificate of {host} could not be verified: check the address and the "
                "certificate authorities of this machine",
                may_have_run=False,
                retryable=False,
            )
        case aiohttp.ConnectionTimeoutError():
            return RequestTimeoutError(f"no connection to {host} in time", may_have_run=False)
        case TimeoutError():
            return RequestTimeoutError(f"no answer from {host} in time")
        case aiohttp.ClientConnectorDNSError() | socket.gaierror():
            return ConnectionFailedError(
                f"the host name {host} could not be resolved", may_have_run=False
            )
        case aiohttp.ClientConnectorError():
            return ConnectionFailedError(
                f"could not connect to {host} ({type(error.os_error).__name__})",
                may_have_run=False,
            )
        case aiohttp.ClientHttpProxyError():
            return ConnectionFailedError(
                f"the HTTP proxy refused to connect to {host} (HTTP {error.status})",
                may_have_run=False,
            )
        case aiohttp.TooManyRedirects():
            return TransportError(f"{host} redirects without end", retryable=False)
        case aiohttp.RedirectClientError() | aiohttp.InvalidURL():
            return TransportError(f"{host} redirects to what cannot be called", retryable=False)
        case (
            BrokenConnectionError()
            | aiohttp.ServerDisconnectedError()
            | aiohttp.ClientConnectionError()
            | OSError()
        ):
            return ConnectionFailedError(f"{host} closed the connection before it had answered")
        case aiohttp.ClientPayloadError():
            return TransportError(
                f"{host} redirects a body that can be sent only once: pass one that is in memory",
                retryable=False,
            )
        case aiohttp.ClientResponseError():
            return TransportError(f"what {host} answered is not HTTP")
        case TypeError() | ValueError():
            return InvalidArgumentError(
                f"aiohttp cannot send these arguments ({type(error).__name__})"
            )
        case _:
            return TransportError(f"the HTTP client failed ({type(error).__name__})")
