"""Endpoints: providers, connections, clients, and the adaptation of requests."""
