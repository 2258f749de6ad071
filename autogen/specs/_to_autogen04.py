"""Documents of today as component documents of the 0.4 line, as its Studio reads them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ._autogen04 import CONFIG_SETTINGS, ENTRY_SETTINGS, TranslationNote
from ._checking import check, list_start
from ._documents import Document, join_pointer
from ._protocols import Config, JSONObject, LiveObject
from .errors import Problem, SpecError

_CLIENTS = {
    "azure": "autogen_ext.models.openai.AzureOpenAIChatCompletionClient",
    "ollama": "autogen_ext.models.ollama.OllamaChatCompletionClient",
    "anthropic": "autogen_ext.models.anthropic.AnthropicChatCompletionClient",
    "openai": "autogen_ext.models.openai.OpenAIChatCompletionClient",
}
_CONDITIONS = "autogen_agentchat.conditions"
_MAX_AGENTS_OF_A_CHAT_OF_TWO = 2


def to_autogen04(doc: JSONObject) -> tuple[Document, list[TranslationNote]]:
    """Translate a document into a component document of AutoGen 0.4 and its Studio.

    Secrets are left out: the clients of the 0.4 line read the usual environment variables.

    Args:
        doc: The document, whose `start` names a group chat, an agent, a model or a chat of two.

    Returns:
        The component, and notes on what is not kept.

    Raises:
        SpecError: if the document has faults, or its start has no counterpart.
    """
    checked, problems = check(doc)
    if checked is None or problems:
        raise SpecError(problems)
    start = checked.content.get("start")
    identifiers = list_start(start) if start is not None else list(checked.content["parts"])
    if len(identifiers) != 1:
        raise SpecError([Problem("/start", "must name one part: the 0.4 line has one component in a document")])
    writer = _Writer(checked.content["parts"])
    component = writer.convert({"ref": identifiers[0]}, "")
    if isinstance(checked.content.get("name"), str):
        component["label"] = checked.content["name"]
    return component, writer.notes


class _Writer:
    """Converts parts, each with copies of those that it refers to."""

    def __init__(self, parts: JSONObject) -> None:
        self.notes: list[TranslationNote] = []
        self._parts = parts

    def convert(self, value: JSONObject, pointer: str) -> Document:
        """Convert a reference, or a component.

        Raises:
            SpecError: if there is no counterpart.
        """
        if "ref" in value:
            pointer, value = join_pointer("/parts", value["ref"]), self._parts[value["ref"]]
        config = value.get("config", {})
        rows: dict[str, Callable[[JSONObject, str], Document]] = {
            "llm_config": self._convert_model,
            "assistant": self._convert_assistant,
            "conversable": self._convert_assistant,
            "user_proxy": self._convert_user,
            "society_of_mind": self._convert_society,
            "group_chat": self._convert_group,
            "two_agents": self._convert_two,
            "pattern": self._convert_pattern,
        }
        if value["type"] not in rows:
            raise SpecError([Problem(pointer, f"the type {value['type']!r} has no counterpart in the 0.4 line")])
        return rows[value["type"]](config, join_pointer(pointer, "config"))

    def _note(self, pointer: str, message: str) -> None:
        self.notes.append(TranslationNote(pointer, message))

    def _note_rest(self, config: JSONObject, pointer: str, *known: str) -> None:
        for key in config.keys() - set(known):
            self._note(join_pointer(pointer, key), "is not kept")

    def _convert_model(self, config: JSONObject, pointer: str) -> Document:
        entry, *others = config["config_list"]
        if others:
            self._note(join_pointer(pointer, "config_list"), "only the first entry is kept: there is no list of models")
        kind = entry.get("api_type", "openai")
        if kind not in _CLIENTS:
            raise SpecError([Problem(pointer, f"models of the kind {kind!r} have no counterpart in the 0.4 line")])
        settings = {**config, **entry}
        keys = (*ENTRY_SETTINGS, *CONFIG_SETTINGS)
        result = {key: settings[key] for key in keys if key in settings}
        if "client_host" in entry:
            result["host"] = entry["client_host"]
        if "api_key" in entry:
            self._note(join_pointer(pointer, "config_list", 0, "api_key"), "is left out: set the usual environment variable")
        self._note_rest(settings, pointer, *keys, "api_type", "api_key", "client_host", "config_list")
        return _make(_CLIENTS[kind], "model", result)

    def _convert_assistant(self, config: JSONObject, pointer: str) -> Document:
        if config.get("code_execution"):
            return self._convert_code_agent(config, pointer)
        result = self._describe(config)
        if not config.get("llm_config"):
            raise SpecError([Problem(pointer, f"agent {config['name']!r} needs a model in the 0.4 line")])
        result["model_client"] = self.convert(config["llm_config"], join_pointer(pointer, "llm_config"))
        if handoffs := [self._convert_handoff(item) for item in config.get("handoffs", ()) if "to" in item]:
            result["handoffs"] = handoffs
        if len(handoffs) < len(config.get("handoffs", ())):
            self._note(join_pointer(pointer, "handoffs"), "is kept in part: there are no targets besides agents")
        if workbenches := self._convert_tools(config.get("tools", ()), join_pointer(pointer, "tools")):
            result["workbench"] = workbenches
        self._note_rest(
            config, pointer, "name", "description", "system_message", "llm_config", "handoffs", "tools", "human_input_mode"
        )
        return _make("autogen_agentchat.agents.AssistantAgent", "agent", result)

    def _describe(self, config: JSONObject) -> Config:
        result = {key: config[key] for key in ("name", "description", "system_message") if key in config}
        result.setdefault("description", "An agent of a team.")
        return result

    def _convert_handoff(self, item: JSONObject) -> Config:
        target = self._parts[item["to"]["ref"]]["config"]["name"]
        text = item.get("when") or item.get("if") or ""
        return {"target": target, "description": text, "name": f"transfer_to_{target}", "message": f"Go on, {target}."}

    def _convert_tools(self, tools: Any, pointer: str) -> list[Document]:
        workbenches, functions = [], []
        for index, value in enumerate(tools):
            part = self._parts[value["ref"]] if "ref" in value else value
            config = part.get("config", {})
            if part["type"] == "mcp" and "command" in config:
                server = {"type": "StdioServerParams", "command": config["command"], "args": config.get("args", [])}
                workbenches.append(_make("autogen_ext.tools.mcp.McpWorkbench", "workbench", {"server_params": server}))
            elif part["type"] == "code":
                function = {"source_code": config["source"], "name": config["entry"], "global_imports": []}
                function |= {"description": config.get("description", ""), "has_cancellation_support": False}
                functions.append(_make("autogen_core.tools.FunctionTool", "tool", function))
                self._note(join_pointer(pointer, index), "runs in the process of the team, not in its executor")
            else:
                self._note(join_pointer(pointer, index), f"is not kept: a tool of the type {part['type']!r}")
        if functions:
            static = {"tools": functions}
            workbenches.append(_make("autogen_core.tools.StaticWorkbench", "workbench", static))
        return workbenches

    def _convert_code_agent(self, config: JSONObject, pointer: str) -> Document:
        executor = config["code_execution"]["executor"]
        part = self._parts[executor["ref"]] if "ref" in executor else executor
        providers = {
            "local": "autogen_ext.code_executors.local.LocalCommandLineCodeExecutor",
            "docker": "autogen_ext.code_executors.docker.DockerCommandLineCodeExecutor",
        }
        if part["type"] not in providers:
            raise SpecError([Problem(pointer, f"the executor {part['type']!r} has no counterpart in the 0.4 line")])
        result = self._describe(config)
        result["code_executor"] = _make(providers[part["type"]], "code_executor", dict(part.get("config", {})))
        self._note_rest(config, pointer, "name", "description", "system_message", "code_execution", "human_input_mode")
        return _make("autogen_agentchat.agents.CodeExecutorAgent", "agent", result)

    def _convert_user(self, config: JSONObject, pointer: str) -> Document:
        if config.get("code_execution"):
            return self._convert_code_agent(config, pointer)
        result = {"name": config["name"], "description": config.get("description", "A human.")}
        self._note_rest(config, pointer, "name", "description", "human_input_mode")
        return _make("autogen_agentchat.agents.UserProxyAgent", "agent", result)

    def _convert_society(self, config: JSONObject, pointer: str) -> Document:
        if not config.get("llm_config"):
            raise SpecError([Problem(pointer, f"agent {config['name']!r} needs a model in the 0.4 line")])
        result = self._describe(config)
        result.pop("system_message", None)
        result["team"] = self.convert(config["chat_manager"], join_pointer(pointer, "chat_manager"))
        result["model_client"] = self.convert(config["llm_config"], join_pointer(pointer, "llm_config"))
        if "response_prompt" in config:
            result["response_prompt"] = config["response_prompt"]
        self._note_rest(config, pointer, "name", "description", "chat_manager", "llm_config", "response_prompt")
        return _make("autogen_agentchat.agents.SocietyOfMindAgent", "agent", result)

    def _convert_group(self, config: JSONObject, pointer: str) -> Document:
        manager = config.get("manager") or {}
        result = self._convert_members(config["agents"], config, manager, pointer)
        if "max_round" in config:
            result["max_turns"] = max(config["max_round"] - 1, 1)
        method = config.get("speaker_selection_method", "auto")
        self._note_rest(
            config, pointer, "agents", "manager", "max_round", "speaker_selection_method", "allow_repeat_speaker"
        )
        if method == "round_robin":
            return _make("autogen_agentchat.teams.RoundRobinGroupChat", "team", result)
        if method != "auto":
            self._note(join_pointer(pointer, "speaker_selection_method"), "is not kept: the model selects")
        model = manager.get("llm_config") or next(
            (
                part["config"]["llm_config"]
                for part in self._get_members(config["agents"])
                if part["config"].get("llm_config")
            ),
            None,
        )
        if not model:
            raise SpecError([Problem(pointer, "the group needs a model that selects, in the 0.4 line")])
        result["model_client"] = self.convert(model, pointer)
        result["allow_repeated_speaker"] = config.get("allow_repeat_speaker", True) is not False
        return _make("autogen_agentchat.teams.SelectorGroupChat", "team", result)

    def _convert_two(self, config: JSONObject, pointer: str) -> Document:
        agents = [config["sender"], config["recipient"]] if config.get("sender") else [config["recipient"]]
        result = self._convert_members(agents, config, {}, pointer)
        if "max_turns" in config:
            result["max_turns"] = config["max_turns"] * _MAX_AGENTS_OF_A_CHAT_OF_TWO
        self._note_rest(config, pointer, "sender", "recipient", "max_turns")
        return _make("autogen_agentchat.teams.RoundRobinGroupChat", "team", result)

    def _convert_pattern(self, config: JSONObject, pointer: str) -> Document:
        first = config["initial_agent"]
        agents = [first, *(agent for agent in config["agents"] if agent != first)]
        result = self._convert_members(agents, config, config.get("manager") or {}, pointer)
        self._note_rest(config, pointer, "agents", "initial_agent", "manager", "group_after_work")
        return _make("autogen_agentchat.teams.Swarm", "team", result)

    def _get_members(self, agents: list[Any]) -> list[LiveObject]:
        return [self._parts[agent["ref"]] if "ref" in agent else agent for agent in agents]

    def _convert_members(self, agents: list[Any], config: JSONObject, manager: JSONObject, pointer: str) -> Config:
        result: Config = {"participants": [self.convert(agent, pointer) for agent in agents]}
        if manager.get("is_termination_msg"):
            condition = self._convert_condition(manager["is_termination_msg"], join_pointer(pointer, "manager"))
            if condition is not None:
                result["termination_condition"] = condition
        return result

    def _convert_condition(self, value: JSONObject, pointer: str) -> Document | None:
        part = self._parts[value["ref"]] if "ref" in value else value
        name, config = part["type"], part.get("config", {})
        if name in ("any", "all"):
            found = [each for each in (self._convert_condition(item, pointer) for item in config["of"]) if each is not None]
            if len(found) < 2:
                return found[0] if found else None
            provider = f"autogen_agentchat.base.{'Or' if name == 'any' else 'And'}TerminationCondition"
            return _make(provider, "termination", {"conditions": found})
        rows: dict[str, Callable[[], tuple[str, dict[str, Any]]]] = {
            "max_messages": lambda: ("MaxMessageTermination", {"max_messages": config["n"]}),
            "text_mention": lambda: (
                "TextMentionTermination",
                {key: config[key] for key in ("text", "sources") if key in config},
            ),
            "max_tokens": lambda: ("TokenUsageTermination", {"max_total_token": config["n"]}),
            "timeout": lambda: ("TimeoutTermination", {"timeout_seconds": config["seconds"]}),
            "function_call": lambda: ("FunctionCallTermination", {"function_name": config["name"]}),
            "external_stop": lambda: ("ExternalTermination", {}),
        }
        if name == "handoff" and len(config.get("targets", ())) == 1:
            return _make(f"{_CONDITIONS}.HandoffTermination", "termination", {"target": config["targets"][0]})
        if name not in rows or "pattern" in config:
            self._note(pointer, f"the condition {name!r} is not kept")
            return None
        provider, settings = rows[name]()
        return _make(f"{_CONDITIONS}.{provider}", "termination", settings)


def _make(provider: str, kind: str, config: Config) -> Document:
    return {
        "provider": provider,
        "component_type": kind,
        "version": 1,
        "component_version": 1,
        "label": provider.rpartition(".")[2],
        "config": config,
    }
