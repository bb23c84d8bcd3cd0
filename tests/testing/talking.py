"""How these tests speak HTTP to a server, byte by byte."""

import socket

from nango_client.testing import MockNango

TARGET = "/connection/user-42?provider_config_key=github"


def port_of(server: MockNango) -> int:
    return int(server.base_url.rpartition(":")[2])


def converse(server: MockNango, sent: bytes) -> bytes:
    """Send bytes and give all that comes until the server closes."""
    with socket.create_connection(("127.0.0.1", port_of(server)), timeout=5) as connection:
        connection.sendall(sent)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def get(server: MockNango, target: str = TARGET, *headers: str, version: str = "1.1") -> bytes:
    """Write a request for the connection, or for something else."""
    lines = [
        f"GET {target} HTTP/{version}",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {server.api_key}",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode()
