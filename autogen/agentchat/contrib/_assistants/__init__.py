"""Assistants: their settings, threads, tools and files, and the service that some servers still offer."""
