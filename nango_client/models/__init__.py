"""What Nango answers, as frozen classes."""

from nango_client.models._base import JsonValue
from nango_client.models.actions import ActionRun
from nango_client.models.connections import (
    Connection,
    ConnectionIssue,
    ConnectionSummary,
    EndUser,
    Organization,
)
from nango_client.models.credentials import (
    ApiKeyCredentials,
    AppCredentials,
    AwsSigV4Credentials,
    BasicCredentials,
    BillCredentials,
    Credentials,
    CustomCredentials,
    GitHubAppInstallation,
    JwtCredentials,
    NoCredentials,
    OAuth1Credentials,
    OAuth2ClientCredentials,
    OAuth2Credentials,
    SignatureCredentials,
    TbaCredentials,
    TwoStepCredentials,
    UnknownCredentials,
)
from nango_client.models.environment import Variables
from nango_client.models.functions import Function, FunctionCode
from nango_client.models.integrations import Integration, IntegrationCredentials
from nango_client.models.providers import Provider
from nango_client.models.records import Record, RecordMetadata, RecordPage
from nango_client.models.requests import PreparedRequest
from nango_client.models.sessions import ConnectSession
from nango_client.models.syncs import SyncResult, SyncStatus, SyncVariant
from nango_client.models.webhooks import (
    AsyncActionWebhook,
    AuthWebhook,
    ForwardWebhook,
    SyncWebhook,
    UnknownWebhook,
    WebhookEndUser,
    WebhookError,
    WebhookEvent,
)

__all__ = [
    "ActionRun",
    "ApiKeyCredentials",
    "AppCredentials",
    "AsyncActionWebhook",
    "AuthWebhook",
    "AwsSigV4Credentials",
    "BasicCredentials",
    "BillCredentials",
    "ConnectSession",
    "Connection",
    "ConnectionIssue",
    "ConnectionSummary",
    "Credentials",
    "CustomCredentials",
    "EndUser",
    "ForwardWebhook",
    "Function",
    "FunctionCode",
    "GitHubAppInstallation",
    "Integration",
    "IntegrationCredentials",
    "JsonValue",
    "JwtCredentials",
    "NoCredentials",
    "OAuth1Credentials",
    "OAuth2ClientCredentials",
    "OAuth2Credentials",
    "Organization",
    "PreparedRequest",
    "Provider",
    "Record",
    "RecordMetadata",
    "RecordPage",
    "SignatureCredentials",
    "SyncResult",
    "SyncStatus",
    "SyncVariant",
    "SyncWebhook",
    "TbaCredentials",
    "TwoStepCredentials",
    "UnknownCredentials",
    "UnknownWebhook",
    "Variables",
    "WebhookEndUser",
    "WebhookError",
    "WebhookEvent",
]
