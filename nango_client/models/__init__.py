"""What Nango answers, as frozen classes."""

from nango_client.models._base import JsonValue
from nango_client.models.connections import Connection, ConnectionIssue, EndUser, Organization
from nango_client.models.credentials import (
    ApiKeyCredentials,
    AppCredentials,
    AwsSigV4Credentials,
    BasicCredentials,
    BillCredentials,
    Credentials,
    CustomCredentials,
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

__all__ = [
    "ApiKeyCredentials",
    "AppCredentials",
    "AwsSigV4Credentials",
    "BasicCredentials",
    "BillCredentials",
    "Connection",
    "ConnectionIssue",
    "Credentials",
    "CustomCredentials",
    "EndUser",
    "JsonValue",
    "JwtCredentials",
    "NoCredentials",
    "OAuth1Credentials",
    "OAuth2ClientCredentials",
    "OAuth2Credentials",
    "Organization",
    "SignatureCredentials",
    "TbaCredentials",
    "TwoStepCredentials",
    "UnknownCredentials",
]
