"""Servers of the contract of all protocols."""

import pytest
from protocol_servers import SERVERS


@pytest.fixture(params=SERVERS)
def protocol(request):
    """The name of a protocol."""
    return request.param


@pytest.fixture
def serve(protocol):
    """Start servers of the protocol under test, which are stopped after it."""
    servers = []

    def serve(*script, **options):
        server = SERVERS[options.pop("protocol", protocol)](*script, **options)
        servers.append(server)
        return server.__enter__()

    yield serve
    for server in servers:
        server.__exit__()
