"""Reasoning by search: the tree of thoughts, the questions to models, and the ways through the tree."""
