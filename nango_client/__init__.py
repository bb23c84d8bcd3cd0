"""An asynchronous Python client for Nango."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nango_client._client import NangoClient
    from nango_client._clock import Clock, SystemClock
    from nango_client._config import CachePolicy, RetryPolicy, TimeoutPolicy
    from nango_client._credentials.cache import CacheInfo
    from nango_client._credentials.shared import SharedCache
    from nango_client._credentials.store import CredentialStore
    from nango_client._events import Event
    from nango_client._provider.session import ProviderRequest, ProviderSession
    from nango_client.exceptions import (
        ActionError,
        ActionPendingError,
        APIStatusError,
        AuthenticationError,
        BadRequestError,
        ClientClosedError,
        ConfigurationError,
        ConnectionFailedError,
        DecodeError,
        InvalidArgumentError,
        InvalidCredentialsError,
        InvalidSignatureError,
        NangoError,
        NotFoundError,
        NoTokenError,
        PermissionDeniedError,
        RateLimitError,
        ReconnectRequiredError,
        RefreshBackoffError,
        RefreshFailedError,
        RequestTimeoutError,
        ResponseTooLargeError,
        ServerError,
        TokenExpiredError,
        TransportError,
        UnknownIntegrationError,
        UnsupportedProviderError,
        WaitTimeoutError,
    )
    from nango_client.models import (
        ActionRun,
        ApiKeyCredentials,
        AppCredentials,
        AsyncActionWebhook,
        AuthWebhook,
        AwsSigV4Credentials,
        BasicCredentials,
        BillCredentials,
        Connection,
        ConnectionIssue,
        ConnectionSummary,
        ConnectSession,
        Credentials,
        CustomCredentials,
        EndUser,
        ForwardWebhook,
        Function,
        FunctionCode,
        GitHubAppInstallation,
        Integration,
        IntegrationCredentials,
        JsonValue,
        JwtCredentials,
        NoCredentials,
        OAuth1Credentials,
        OAuth2ClientCredentials,
        OAuth2Credentials,
        Organization,
        PreparedRequest,
        Provider,
        Record,
        RecordMetadata,
        RecordPage,
        SignatureCredentials,
        SyncResult,
        SyncStatus,
        SyncVariant,
        SyncWebhook,
        TbaCredentials,
        TwoStepCredentials,
        UnknownCredentials,
        UnknownWebhook,
        Variables,
        WebhookEndUser,
        WebhookError,
        WebhookEvent,
    )

    __version__: str

__all__ = [
    "APIStatusError",
    "ActionError",
    "ActionPendingError",
    "ActionRun",
    "ApiKeyCredentials",
    "AppCredentials",
    "AsyncActionWebhook",
    "AuthWebhook",
    "AuthenticationError",
    "AwsSigV4Credentials",
    "BadRequestError",
    "BasicCredentials",
    "BillCredentials",
    "CacheInfo",
    "CachePolicy",
    "ClientClosedError",
    "Clock",
    "ConfigurationError",
    "ConnectSession",
    "Connection",
    "ConnectionFailedError",
    "ConnectionIssue",
    "ConnectionSummary",
    "CredentialStore",
    "Credentials",
    "CustomCredentials",
    "DecodeError",
    "EndUser",
    "Event",
    "ForwardWebhook",
    "Function",
    "FunctionCode",
    "GitHubAppInstallation",
    "Integration",
    "IntegrationCredentials",
    "InvalidArgumentError",
    "InvalidCredentialsError",
    "InvalidSignatureError",
    "JsonValue",
    "JwtCredentials",
    "NangoClient",
    "NangoError",
    "NoCredentials",
    "NoTokenError",
    "NotFoundError",
    "OAuth1Credentials",
    "OAuth2ClientCredentials",
    "OAuth2Credentials",
    "Organization",
    "PermissionDeniedError",
    "PreparedRequest",
    "Provider",
    "ProviderRequest",
    "ProviderSession",
    "RateLimitError",
    "ReconnectRequiredError",
    "Record",
    "RecordMetadata",
    "RecordPage",
    "RefreshBackoffError",
    "RefreshFailedError",
    "RequestTimeoutError",
    "ResponseTooLargeError",
    "RetryPolicy",
    "ServerError",
    "SharedCache",
    "SignatureCredentials",
    "SyncResult",
    "SyncStatus",
    "SyncVariant",
    "SyncWebhook",
    "SystemClock",
    "TbaCredentials",
    "TimeoutPolicy",
    "TokenExpiredError",
    "TransportError",
    "TwoStepCredentials",
    "UnknownCredentials",
    "UnknownIntegrationError",
    "UnknownWebhook",
    "UnsupportedProviderError",
    "Variables",
    "WaitTimeoutError",
    "WebhookEndUser",
    "WebhookError",
    "WebhookEvent",
]

# Where the names live. They are imported on first use, because pytest loads this package in every
# run of everybody who has it installed, for the sake of its plugin.
_HOMES = {
    "CacheInfo": "_credentials.cache",
    "CredentialStore": "_credentials.store",
    "SharedCache": "_credentials.shared",
    "NangoClient": "_client",
    "Clock": "_clock",
    "SystemClock": "_clock",
    "CachePolicy": "_config",
    "RetryPolicy": "_config",
    "TimeoutPolicy": "_config",
    "Event": "_events",
    "WebhookError": "models",
    "ProviderRequest": "_provider.session",
    "ProviderSession": "_provider.session",
}


def __getattr__(name: str) -> object:
    if name == "__version__":
        from nango_client._version import VERSION

        return VERSION
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = _HOMES.get(name) or ("exceptions" if name.endswith("Error") else "models")
    value: object = getattr(import_module(f"nango_client.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
