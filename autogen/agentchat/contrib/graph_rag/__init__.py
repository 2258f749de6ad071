"""Graph RAG: documents as a graph of entities and relations, and agents that answer from it."""
