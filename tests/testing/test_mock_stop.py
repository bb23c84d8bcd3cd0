"""Stopping the server while clients are connecting."""

import gc
import socket
import time
import warnings

from nango_client.testing import MockNango


def test_connections_made_while_it_stops_are_closed_too() -> None:
    """Whatever step of an accepted connection's beginning stop() meets, no socket stays open."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for number in range(150):
            clients = [socket.socket() for _ in range(8)]
            with MockNango() as server:
                port = int(server.base_url.rpartition(":")[2])
                for client in clients:
                    client.setblocking(False)  # it is not waited for
                    client.connect_ex(("127.0.0.1", port))
                # The steps are over within some tenths of a millisecond.
                time.sleep(number % 50 * 0.00001)
            for client in clients:
                client.close()
        gc.collect()

    assert [str(warning.message) for warning in caught] == []
