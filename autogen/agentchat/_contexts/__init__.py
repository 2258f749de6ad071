"""Long histories for models: units of messages, token counts, limits and summaries."""
