"""Addresses of MCP servers: commands, URLs, and entries of a JSON file."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias, Union

from .._mistakes import suggest
from .._secrets import mask_url

# Programs that only start others.
_LAUNCHERS = ("bunx", "node", "npx", "python", "uvx")
_VARIABLE = re.compile(r"\$\{(\w+)\}")


@dataclass(frozen=True)
class StdioServerParams:
    """A server that is a program: it is started, and talked to over its input and output.

    Attributes:
        command: The program.
        args: Its arguments.
        env: Environment variables, besides those that every program needs. None of this process's other variables are
            passed on.
        cwd: Its working directory; None for that of this process.
        encoding: Encoding of the messages.
    """

    command: str
    args: Sequence[str] = field(default=(), repr=False)
    env: Mapping[str, str] | None = field(default=None, repr=False)
    cwd: str | Path | None = None
    encoding: str = "utf-8"


@dataclass(frozen=True)
class StreamableHttpServerParams:
    """A server at a URL.

    Attributes:
        url: The URL.
        headers: Headers of every request, such as `Authorization`.
        timeout: Seconds for an answer to begin.
        sse_read_timeout: Seconds without a word in a stream of events.
        terminate_on_close: True to end the session at the server when it is closed here.
    """

    url: str
    headers: Mapping[str, str] | None = field(default=None, repr=False)
    timeout: float = 30
    sse_read_timeout: float = 300
    terminate_on_close: bool = True


@dataclass(frozen=True)
class SseServerParams:
    """A server at a URL that speaks the older form of the protocol over HTTP.

    Attributes:
        url: The URL of its events.
        headers: Headers of every request.
        timeout: Seconds for an answer to begin.
        sse_read_timeout: Seconds without a word in the stream of events.
    """

    url: str
    headers: Mapping[str, str] | None = field(default=None, repr=False)
    timeout: float = 30
    sse_read_timeout: float = 300


ServerParams: TypeAlias = Union[StdioServerParams, StreamableHttpServerParams, SseServerParams]


@dataclass(frozen=True)
class Server:
    """A server and its name.

    Attributes:
        name: Name in messages and prompts.
        params: Its address.
    """

    name: str
    params: ServerParams


def find_server(server: Any, config: str | Path | None = None) -> Server:
    """Return the server that an argument stands for.

    Args:
        server: Parameters; a command as text or list; a URL; or the name of an entry of the config file.
        config: The config file.

    Raises:
        TypeError, ValueError: if it stands for none.
    """
    if config is not None:
        servers = load_mcp_servers(config)
        if server not in servers:
            known = ", ".join(servers) or "none"
            hint = suggest(str(server), servers)
            raise ValueError(f"{config} has no MCP server {server!r}; it has: {known}.{hint}")
        return Server(server, servers[server])
    params = _to_params(server)
    return Server(getattr(server, "server_name", None) or _make_name(params), params)


def _to_params(server: Any) -> ServerParams:
    if isinstance(server, (StdioServerParams, StreamableHttpServerParams, SseServerParams)):
        return server
    if isinstance(server, str) and server.startswith(("http://", "https://")):
        return StreamableHttpServerParams(server)
    words = shlex.split(server) if isinstance(server, str) else server
    if isinstance(words, Sequence) and words and all(isinstance(word, str) for word in words):
        return StdioServerParams(words[0], list(words[1:]))
    # Those of the SDK and of AG2.
    if hasattr(server, "command"):
        env = getattr(server, "env", None) or getattr(server, "environment", None)
        cwd = getattr(server, "cwd", None) or getattr(server, "working_dir", None)
        return StdioServerParams(server.command, list(server.args or ()), env, cwd, server.encoding)
    if hasattr(server, "url"):
        return SseServerParams(server.url, server.headers, server.timeout, server.sse_read_timeout)
    raise TypeError(f"An MCP server must be a command, a URL, or parameters such as StdioServerParams, got {server!r}.")


def _make_name(params: ServerParams) -> str:
    if isinstance(params, StdioServerParams):
        name = Path(params.command).name
        # Other arguments may be secrets.
        if name.rstrip("0123456789.").removesuffix(".exe") in _LAUNCHERS:
            name = next((word for word in params.args if not word.startswith("-")), name)
        return Path(name).name
    return mask_url(params.url)


def load_mcp_servers(path: str | Path) -> dict[str, ServerParams]:
    """Read the servers of a JSON file in the usual form: `{"mcpServers": {"name": {"command": ..., "args": [...]}}}`.

    An entry has a `command` with `args`, `env` and `cwd`, or a `url` with `headers` and perhaps `"type": "sse"`. `${NAME}`
    in its texts is replaced by an environment variable. Other keys are those of other programs, and ignored.

    Args:
        path: The file.

    Returns:
        The parameters by name. Disabled entries are left out.

    Raises:
        OSError: if it can't be read.
        ValueError: if it is not of this form, or a variable is not set.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not a JSON file: {error}") from error
    entries = content.get("mcpServers") if isinstance(content, dict) else None
    if not isinstance(entries, dict):
        raise ValueError(f'{path} must have the form {{"mcpServers": {{"name": {{"command": ...}}}}}}.')
    servers = {}
    for name, entry in entries.items():
        where = f"{path}: the MCP server {name!r}"
        if not isinstance(entry, dict):
            raise ValueError(f"{where} must be an object, got {type(entry).__name__}.")
        if not entry.get("disabled"):
            servers[name] = _read_entry(where, entry)
    return servers


def _read_entry(where: str, entry: Mapping[str, Any]) -> ServerParams:
    texts = {name: _get_texts(where, entry, name) for name in ("env", "headers")}
    command, url, args, cwd = (entry.get(name) for name in ("command", "url", "args", "cwd"))
    if isinstance(command, str) and url is None:
        if args is not None and not (isinstance(args, list) and all(isinstance(arg, str) for arg in args)):
            raise ValueError(f"{where}: args must be a list of texts.")
        words = [_replace_variables(where, word) for word in (command, *(args or ()))]
        return StdioServerParams(words[0], words[1:], texts["env"] or None, cwd)
    if isinstance(url, str) and command is None:
        kind = SseServerParams if entry.get("type", entry.get("transport")) == "sse" else StreamableHttpServerParams
        return kind(_replace_variables(where, url), texts["headers"] or None)
    raise ValueError(f"{where} must have either a command or a url.")


def _get_texts(where: str, entry: Mapping[str, Any], name: str) -> dict[str, str]:
    values = entry.get(name) or {}
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        raise ValueError(f"{where}: {name} must be an object of texts.")
    return {key: _replace_variables(where, value) for key, value in values.items()}


def _replace_variables(where: str, text: str) -> str:
    def replace(match: re.Match[str]) -> str:
        if match[1] not in os.environ:
            raise ValueError(f"{where}: the environment variable {match[1]} is not set.")
        return os.environ[match[1]]

    return _VARIABLE.sub(replace, text)
