"""Responses and histories: everything that a model sends, and every history that it gets, passes through here."""
