"""Retrieval for agents: an index of documents that is kept up to date, searches in it, and the context that a model sees."""
