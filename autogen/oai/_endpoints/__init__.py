"""Endpoints: clients, connections, the table of providers."""
