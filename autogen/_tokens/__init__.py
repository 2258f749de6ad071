"""Token counts of texts, images and tools."""
