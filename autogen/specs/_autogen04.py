"""Component documents of the 0.4 line as documents of today: by the names of their providers, without importing any."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .._secrets import is_secret_name
from ._documents import Document, find_excess, join_pointer, make_id
from ._protocols import Config, JSONObject
from .errors import SpecError

# Part of the names of clients, and the kind of their entries.
_CLIENTS = (
    ("AzureOpenAI", "azure"),
    ("AzureAI", "azure"),
    ("Ollama", "ollama"),
    ("Anthropic", "anthropic"),
    ("Gemini", "google"),
    ("OpenAI", None),
)
# Settings of clients that mean the same in an entry.
ENTRY_SETTINGS = ("model", "base_url", "azure_endpoint", "azure_deployment", "api_version", "timeout", "max_retries")
CONFIG_SETTINGS = ("temperature", "top_p", "max_tokens", "seed", "frequency_penalty", "presence_penalty", "stop")


@dataclass(frozen=True)
class TranslationNote:
    """A remark on a document that was translated.

    Attributes:
        pointer: JSON pointer into the document of the 0.4 line.
        message: What differs, or is missing.
        foreign: The component itself, if it could not be translated; secrets are left out.
    """

    pointer: str
    message: str
    foreign: JSONObject | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return f"{self.pointer or 'document'}: {self.message}"


def from_autogen04(doc: JSONObject) -> tuple[Document, list[TranslationNote]]:
    """Translate a component document of AutoGen 0.4 and its Studio.

    Keys become names of secrets; the notes name them. What has no counterpart is in the notes as well, and the document is
    then marked as not runnable.

    Args:
        doc: The document: an envelope with `provider` and `config`.

    Returns:
        The document, and notes on what differs.

    Raises:
        SpecError: if it is not such a document.

    >>> doc, notes = from_autogen04({"provider": "autogen_ext.models.openai.OpenAIChatCompletionClient",
    ...                              "config": {"model": "gpt-4o", "api_key": "sk-1"}})
    >>> doc["parts"]["model:gpt-4o"]["config"]["config_list"]
    [{'model': 'gpt-4o', 'api_key': {'secret': 'OPENAI_API_KEY'}}]
    """
    if problems := find_excess(doc):
        raise SpecError(problems)
    if not isinstance(doc.get("provider"), str) or not isinstance(doc.get("config", {}), Mapping):
        raise SpecError("This must be a component document of AutoGen 0.4, with `provider` and `config`.")
    translator = _Translator()
    start = translator.add_part(doc, "")
    result: Document = {"autogen": 1, "parts": translator.parts}
    result |= {
        key: doc[source]
        for key, source in (("name", "label"), ("description", "description"))
        if isinstance(doc.get(source), str)
    }
    kind, _, slug = start.partition(":")
    result["start"] = {kind: slug}
    if any(note.foreign is not None for note in translator.notes):
        result["runnable"] = False
    return result, translator.notes


class _Translator:
    """Translates components, each into a part."""

    def __init__(self) -> None:
        self.parts: Config = {}
        self.notes: list[TranslationNote] = []
        self._models: dict[str, str] = {}

    def add_part(self, component: Any, pointer: str) -> str:
        """Translate a component into a part of its own, and return its id."""
        provider = component.get("provider") if isinstance(component, Mapping) else None
        name = provider.rpartition(".")[2] if isinstance(provider, str) else ""
        config = component.get("config") if isinstance(component, Mapping) else None
        translate = self._find(name)
        if translate is None or not isinstance(config, Mapping):
            return self._add_foreign(component, name, pointer)
        return translate(name, config, join_pointer(pointer, "config"))

    def _find(self, name: str) -> Callable[[str, JSONObject, str], str] | None:
        if name.endswith("ChatCompletionClient"):
            return self._add_model
        return {
            "AssistantAgent": self._add_assistant,
            "MagenticOneCoderAgent": self._add_assistant,
            "UserProxyAgent": self._add_user,
            "CodeExecutorAgent": self._add_code_agent,
            "SocietyOfMindAgent": self._add_society,
            "RoundRobinGroupChat": self._add_group,
            "SelectorGroupChat": self._add_group,
            "GraphFlow": self._add_group,
            "Swarm": self._add_swarm,
        }.get(name)

    def _add(self, kind: str, slug: object, type_name: str, config: Config) -> str:
        identifier = make_id(kind, str(slug), self.parts)
        self.parts[identifier] = {"type": type_name, "version": 1, "config": config}
        return identifier

    def _note(self, pointer: str, message: str, foreign: JSONObject | None = None) -> None:
        self.notes.append(TranslationNote(pointer, message, foreign))

    def _add_foreign(self, component: object, name: str, pointer: str) -> str:
        foreign = _remove_secrets(component) if isinstance(component, Mapping) else {"value": None}
        self._note(pointer, f"{name or 'a component'} has no counterpart", foreign)
        return self._add("foreign", name or "component", name or "component", {})

    # Models

    def _add_model(self, name: str, config: JSONObject, pointer: str) -> str:
        kind = next((kind for part, kind in _CLIENTS if name.startswith(part)), "")
        if kind == "":
            return self._add_foreign({"provider": name, "config": config}, name, pointer)
        entry: Config = {key: config[key] for key in ENTRY_SETTINGS if config.get(key) is not None}
        if kind is not None:
            entry["api_type"] = kind
        if "host" in config:
            entry["client_host"] = config["host"]
        if config.get("api_key") is not None:
            secret = f"{(kind or 'openai').upper()}_API_KEY"
            entry["api_key"] = {"secret": secret}
            self._note(join_pointer(pointer, "api_key"), f"the key became the secret {secret!r}")
        known = {*ENTRY_SETTINGS, *CONFIG_SETTINGS, "api_key", "host", "model_info", "model_capabilities"}
        for key in config.keys() - known:
            if config[key] is not None:
                self._note(join_pointer(pointer, key), "is not kept: a setting of the client")
        settings = {key: config[key] for key in CONFIG_SETTINGS if config.get(key) is not None}
        content = {"config_list": [entry], **settings}
        # Each agent of a 0.4 document has a copy of its client.
        if repr(content) not in self._models:
            self._models[repr(content)] = self._add("model", config.get("model", name), "llm_config", content)
        return self._models[repr(content)]

    # Agents

    def _describe_agent(self, config: JSONObject, pointer: str, *known: str) -> Config:
        """Return the settings that all agents have, and note those that are not kept."""
        result: Config = {
            key: config[key] for key in ("name", "description", "system_message") if isinstance(config.get(key), str)
        }
        result.setdefault("name", "agent")
        if isinstance(config.get("model_client"), Mapping):
            result["llm_config"] = {"ref": self.add_part(config["model_client"], join_pointer(pointer, "model_client"))}
        context = config.get("model_context")
        converted = context and self._convert_context(context, join_pointer(pointer, "model_context"))
        if converted:
            result["model_context"] = converted
        silent = ("model_client_stream", "metadata", "max_tool_iterations", "model_client", "model_context")
        for key in config.keys() - {*known, *silent, "name", "description", "system_message"}:
            if config[key] not in (None, [], {}, False):
                self._note(join_pointer(pointer, key), "is not kept")
        return result

    def _add_assistant(self, name: str, config: JSONObject, pointer: str) -> str:
        known = ("tools", "workbench", "handoffs", "reflect_on_tool_use", "tool_call_summary_format")
        result = self._describe_agent(config, pointer, *known)
        tools = self._add_tools(config.get("tools"), join_pointer(pointer, "tools"))
        workbenches = config.get("workbench")
        workbenches = workbenches if isinstance(workbenches, list) else [workbenches]
        for index, workbench in enumerate(workbenches):
            if isinstance(workbench, Mapping):
                tools += self._add_workbench(workbench, join_pointer(pointer, "workbench", index))
        if tools:
            result["tools"] = [{"ref": tool} for tool in tools]
            if config.get("reflect_on_tool_use") is False:
                self._note(
                    join_pointer(pointer, "reflect_on_tool_use"),
                    "differs: after a call the model gets the result and answers, unless the tool has `reflect: false`",
                )
            if config.get("tool_call_summary_format") not in (None, "{result}"):
                self._note(join_pointer(pointer, "tool_call_summary_format"), "is not kept")
        identifier = self._add("agent", result["name"], "assistant", result)
        # The names become references when all agents are there.
        if config.get("handoffs"):
            names = [item.get("target") if isinstance(item, Mapping) else item for item in config["handoffs"]]
            texts = [item.get("description") if isinstance(item, Mapping) else None for item in config["handoffs"]]
            result["handoffs"] = [
                {"to": {"name": name}, "when": text or f"The conversation should go on with {name}."}
                for name, text in zip(names, texts, strict=True)
                if isinstance(name, str)
            ]
        return identifier

    def _add_user(self, name: str, config: JSONObject, pointer: str) -> str:
        result = self._describe_agent(config, pointer)
        return self._add("agent", result["name"], "user_proxy", {**result, "human_input_mode": "ALWAYS"})

    def _add_code_agent(self, name: str, config: JSONObject, pointer: str) -> str:
        result = self._describe_agent(config, pointer, "code_executor", "sources")
        executor = self._convert_executor(config.get("code_executor"), join_pointer(pointer, "code_executor"))
        return self._add(
            "agent",
            result["name"],
            "conversable",
            {**result, "human_input_mode": "NEVER", "code_execution": {"executor": executor}},
        )

    def _add_society(self, name: str, config: JSONObject, pointer: str) -> str:
        result = self._describe_agent(config, pointer, "team", "instruction", "response_prompt")
        team = self.add_part(config.get("team"), join_pointer(pointer, "team"))
        if config.get("instruction") is not None:
            self._note(join_pointer(pointer, "instruction"), "is not kept: the response prompt has all of it")
        if isinstance(config.get("response_prompt"), str):
            result["response_prompt"] = config["response_prompt"]
        return self._add("agent", result["name"], "society_of_mind", {**result, "chat_manager": {"ref": team}})

    # Tools

    def _add_tools(self, tools: object, pointer: str) -> list[str]:
        items = tools if isinstance(tools, list) else []
        return [self._add_tool(item, join_pointer(pointer, index)) for index, item in enumerate(items)]

    def _add_tool(self, component: object, pointer: str) -> str:
        if isinstance(component, Mapping) and isinstance(component.get("config"), Mapping):
            config = component["config"]
            if str(component.get("provider")).endswith(".FunctionTool") and isinstance(config.get("source_code"), str):
                return self._add_function(config, pointer)
        name = str(component.get("provider", "")).rpartition(".")[2] if isinstance(component, Mapping) else ""
        return self._add_foreign(component, name, pointer)

    def _add_function(self, config: JSONObject, pointer: str) -> str:
        imports = [_format_import(item) for item in config.get("global_imports") or ()]
        source = "\n".join([*imports, config["source_code"]])
        names = re.findall(r"^(?:async )?def (\w+)", source, re.MULTILINE)
        if not names:
            return self._add_foreign({"provider": "FunctionTool", "config": config}, "FunctionTool", pointer)
        self._note(pointer, "the function runs in a sandbox, not in the process of the team; it needs a consent")
        content = {"source": source, "entry": names[-1], "executor": {"type": "sandboxed", "version": 1, "config": {}}}
        if isinstance(config.get("description"), str) and config["description"]:
            content["description"] = config["description"]
        return self._add("tool", config.get("name") or names[-1], "code", content)

    def _add_workbench(self, component: JSONObject, pointer: str) -> list[str]:
        name = str(component.get("provider", "")).rpartition(".")[2]
        config = component.get("config")
        if not isinstance(config, Mapping):
            return [self._add_foreign(component, name, pointer)]
        if name.startswith("Static"):
            return self._add_tools(config.get("tools"), join_pointer(pointer, "config", "tools"))
        server = config.get("server_params")
        if name != "McpWorkbench" or not isinstance(server, Mapping):
            return [self._add_foreign(component, name, pointer)]
        position = join_pointer(pointer, "config", "server_params")
        if isinstance(server.get("command"), str):
            content: Config = {"command": server["command"], "args": list(server.get("args") or ())}
            values = server.get("env") or {}
            key = "env"
        else:
            content, values, key = {"url": server.get("url")}, server.get("headers") or {}, "headers"
        if values:
            content[key] = {name: self._name_secret(name, join_pointer(position, key, name)) for name in values}
        return [self._add("tool", server.get("command") or "mcp", "mcp", content)]

    def _name_secret(self, name: str, pointer: str) -> dict[str, str]:
        secret = re.sub(r"\W", "_", name).upper()
        self._note(pointer, f"the value became the secret {secret!r}")
        return {"secret": secret}

    # Teams

    def _add_group(self, name: str, config: JSONObject, pointer: str) -> str:
        agents = self._add_members(config, pointer)
        content: Config = {"agents": [{"ref": agent} for agent in agents]}
        manager: Config = {}
        if name == "RoundRobinGroupChat":
            content["speaker_selection_method"] = "round_robin"
        if name == "GraphFlow":
            content |= self._convert_graph(config.get("graph"), join_pointer(pointer, "graph"))
        if isinstance(config.get("model_client"), Mapping):
            manager["llm_config"] = {"ref": self.add_part(config["model_client"], join_pointer(pointer, "model_client"))}
        if isinstance(config.get("selector_prompt"), str):
            self._note(join_pointer(pointer, "selector_prompt"), "is not kept: its placeholders differ")
        if config.get("selector_func") is not None:
            self._note(join_pointer(pointer, "selector_func"), "is not kept: name a function as speaker_selection_method")
        if name == "SelectorGroupChat" and config.get("allow_repeated_speaker") is not True:
            content["allow_repeat_speaker"] = False
        content |= self._convert_end(config, pointer, manager)
        if manager:
            content["manager"] = manager
        return self._add("chat", "main", "group_chat", content)

    def _add_swarm(self, name: str, config: JSONObject, pointer: str) -> str:
        agents = self._add_members(config, pointer)
        content: Config = {"agents": [{"ref": agent} for agent in agents], "initial_agent": {"ref": agents[0]}}
        content["group_after_work"] = {"target": "stay"}
        manager: Config = {}
        if self._convert_end(config, pointer, manager):
            self._note(join_pointer(pointer, "max_turns"), "is not kept: pass max_rounds when the chat is started")
        if manager:
            content["manager"] = manager
        return self._add("chat", "main", "pattern", content)

    def _add_members(self, config: JSONObject, pointer: str) -> list[str]:
        members = config.get("participants")
        if not isinstance(members, list) or not members:
            raise SpecError(f"{pointer}: a team needs participants.")
        agents = [self.add_part(member, join_pointer(pointer, "participants", i)) for i, member in enumerate(members)]
        by_name = {self.parts[agent]["config"].get("name"): agent for agent in agents}
        for agent in agents:
            for handoff in self.parts[agent]["config"].get("handoffs", ()):
                target = handoff.get("to", {}).get("name")
                if target in by_name:
                    handoff["to"] = {"ref": by_name[target]}
                elif target is not None:
                    # Its chat ends, and the program goes on with a human.
                    del handoff["to"]
                    handoff["target"] = "terminate"
                    self._note(pointer, f"the hand-off to {target!r}, which is not in the team, ends the chat")
        return agents

    def _convert_end(self, config: JSONObject, pointer: str, manager: Config) -> Config:
        if isinstance(config.get("termination_condition"), Mapping):
            position = join_pointer(pointer, "termination_condition")
            if condition := self._convert_condition(config["termination_condition"], position):
                manager["is_termination_msg"] = condition
        turns = config.get("max_turns")
        return {"max_round": turns + 1} if isinstance(turns, int) else {}

    def _convert_graph(self, graph: object, pointer: str) -> Config:
        nodes = graph.get("nodes") if isinstance(graph, Mapping) else None
        if not isinstance(nodes, Mapping):
            return {}
        by_name = {part["config"].get("name"): key for key, part in self.parts.items() if key.startswith("agent:")}
        rows = []
        for name, node in nodes.items():
            targets = [edge.get("target") for edge in node.get("edges", ()) if isinstance(edge, Mapping)]
            conditions = [edge for edge in node.get("edges", ()) if isinstance(edge, Mapping) and edge.get("condition")]
            if len(targets) > 1 and not conditions:
                self._note(join_pointer(pointer, "nodes", name), "is not kept: branches ran side by side, now one is chosen")
            if conditions:
                self._note(join_pointer(pointer, "nodes", name), "is not kept: the conditions of the edges")
            if name in by_name:
                speakers = [{"ref": by_name[target]} for target in targets if target in by_name]
                rows.append({"after": {"ref": by_name[name]}, "speakers": speakers})
        return {"transitions": rows, "transitions_type": "allowed"}

    # What is within other parts

    def _convert_condition(self, component: JSONObject, pointer: str) -> dict[str, Any] | None:
        name = str(component.get("provider", "")).rpartition(".")[2]
        config = component.get("config")
        config = config if isinstance(config, Mapping) else {}
        if name in ("AndTerminationCondition", "OrTerminationCondition"):
            parts = [
                self._convert_condition(item, join_pointer(pointer, "config", "conditions", index))
                for index, item in enumerate(config.get("conditions") or ())
                if isinstance(item, Mapping)
            ]
            found = [part for part in parts if part is not None]
            if len(found) < 2:
                return found[0] if found else None
            return _make_inline("all" if name.startswith("And") else "any", of=found)
        rows: dict[str, Callable[[], dict[str, Any] | None]] = {
            "TextMentionTermination": lambda: _make_inline(
                "text_mention",
                text=config["text"],
                **({"sources": config["sources"]} if config.get("sources") else {}),
            ),
            "MaxMessageTermination": lambda: _make_inline("max_messages", n=config["max_messages"]),
            "TokenUsageTermination": lambda: _make_inline("max_tokens", n=config["max_total_token"]),
            "TimeoutTermination": lambda: _make_inline("timeout", seconds=config["timeout_seconds"]),
            "ExternalTermination": lambda: _make_inline("external_stop"),
            "HandoffTermination": lambda: _make_inline("handoff", targets=[config["target"]]),
            "FunctionCallTermination": lambda: _make_inline("function_call", name=config["function_name"]),
            "SourceMatchTermination": lambda: _make_inline("text_mention", pattern="(?s).*", sources=config["sources"]),
        }
        try:
            converted = rows[name]() if name in rows else None
        except KeyError as error:
            raise SpecError(f"{pointer}: {name} needs {error.args[0]!r}.") from None
        if converted is None:
            self._note(pointer, f"{name or 'a condition'} has no counterpart", _remove_secrets(component))
        return converted

    def _convert_context(self, component: object, pointer: str) -> dict[str, Any] | None:
        name = str(component.get("provider", "")).rpartition(".")[2] if isinstance(component, Mapping) else ""
        config = component.get("config", {}) if isinstance(component, Mapping) else {}
        if name == "BufferedChatCompletionContext" and isinstance(config.get("buffer_size"), int):
            return _make_inline("message_history_limiter", max_messages=config["buffer_size"])
        if name == "TokenLimitedChatCompletionContext" and isinstance(config.get("token_limit"), int):
            return _make_inline("message_token_limiter", max_tokens=config["token_limit"])
        if name != "UnboundedChatCompletionContext":
            self._note(pointer, f"{name or 'the context'} is not kept")
        return None

    def _convert_executor(self, component: object, pointer: str) -> Config:
        name = str(component.get("provider", "")).rpartition(".")[2] if isinstance(component, Mapping) else ""
        config = component.get("config", {}) if isinstance(component, Mapping) else {}
        types = {
            "LocalCommandLineCodeExecutor": "local",
            "DockerCommandLineCodeExecutor": "docker",
            "JupyterCodeExecutor": "jupyter",
        }
        if name not in types:
            self._note(pointer, f"{name or 'the executor'} became the sandboxed executor")
            return _make_inline("sandboxed")
        keys = ("timeout", "work_dir", "image") if name.startswith("Docker") else ("timeout", "work_dir")
        return _make_inline(types[name], **{key: config[key] for key in keys if config.get(key) is not None})


def _make_inline(type_name: str, **config: Any) -> Config:
    return {"type": type_name, "version": 1, "config": config}


def _format_import(item: object) -> str:
    """Return an import of a tool as source; it stands as a text, or as a module with names."""
    if isinstance(item, Mapping):
        return f"from {item.get('module')} import {', '.join(map(str, item.get('imports') or ()))}"
    return f"import {item}"


def _remove_secrets(value: Any, key: str = "") -> Any:
    if isinstance(value, Mapping):
        return {name: _remove_secrets(item, str(name)) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_remove_secrets(item, key) for item in value]
    return None if key and is_secret_name(key) else value
