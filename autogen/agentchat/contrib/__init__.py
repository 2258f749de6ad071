"""Agents of special kinds, and capabilities that agents can be given. Each is imported from its own module."""
