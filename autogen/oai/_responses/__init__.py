"""Responses of endpoints: the one door through which everything passes that a model sends."""
