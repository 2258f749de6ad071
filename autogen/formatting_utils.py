"""Colours on the console."""

from termcolor import colored

__all__ = ["colored"]
