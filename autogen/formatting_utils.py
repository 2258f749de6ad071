"""Colours for console output."""

from termcolor import colored

__all__ = ["colored"]
