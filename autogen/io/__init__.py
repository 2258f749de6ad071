"""Where agents print to and read from."""

from .base import InputStream, IOStream, OutputStream
from .console import IOConsole

IOStream.set_global_default(IOConsole())

__all__ = ["IOConsole", "IOStream", "InputStream", "OutputStream"]
