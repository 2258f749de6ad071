"""Sequence diagrams of chats."""
