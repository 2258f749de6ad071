"""Approval of tool calls before they are made: by rules of the program, a human, or both."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ... import events
from ..._mistakes import trim_stop
from ..._secrets import redact
from ..._steps import Steps, invoke
from ...operations import Operation, fingerprint, perform
from .._approvals.batch import Batch, get_batch
from .._approvals.policy import (
    EXPIRY,
    HUMAN,
    RULE,
    ApprovalPolicy,
    ApprovedCall,
    Ask,
    Decision,
    Edit,
    Memory,
    find_rules_file,
    get_memory,
)
from .._approvals.preview import call_preview, show_arguments
from .._approvals.rules import apply_rule
from .._core.internals import internals
from .._core.protocols import AgentCore
from .._guardrails.checks import GuardedCall, GuardrailStop
from .termination_and_human import ask_about
from .tool_arguments import normalize_arguments

CHOICES = ("approve", "always", "reject", "reject_rest", "edit", "stop")
MAX_REFUSALS = 3
"""Number of times that a refused call may come again in a chat before the chat ends."""

_MAX_SOURCES = 5
_YES = ("y", "yes", "ok", "approve")
_ALWAYS = ("a", "always")
_NO = ("", "n", "no", "reject")
_REST = ("r", "rest", "reject_rest")
_STOP = ("q", "exit", "stop")


class _Request:
    """The request to approve a call.

    Args:
        agent: Agent that executes the call.
        policy: The approval that the tool needs.
        call: The call.
        function: The tool, for which other arguments must be valid.
        title: Description of the call for the human; None for its name and arguments.
        spoilers: Sources in view; if there are any, a human must approve this very call.
    """

    def __init__(
        self,
        agent: AgentCore,
        policy: ApprovalPolicy,
        call: GuardedCall,
        function: Any = None,
        title: str | None = None,
        spoilers: Sequence[str] = (),
    ) -> None:
        self.agent, self.policy, self.call, self.function, self.title = agent, policy, call, function, title
        self.spoilers = spoilers
        self.memory = get_memory() or Memory()
        self.key = (agent.name, call.name, fingerprint(call.arguments, named_secrets=True))

    @property
    def _is_remembered(self) -> bool:
        if self.spoilers:
            return False
        approved = self.memory.approved | internals(self.agent).approvals
        return self.key in approved or self.key[:2] in approved

    def remember(self, decision: Decision) -> None:
        """Remember a decision for later calls of the chat, or of the agent."""
        policy, key, message = self.policy, self.key, self.call.message
        if decision.others and (batch := get_batch()) is not None:
            batch.answers.update({int(number): words for number, words in decision.others.items()})
        lasting = policy.remember == "session"
        approved = internals(self.agent).approvals if lasting else self.memory.approved
        if decision.verdict in ("reject", "reject_rest"):
            self.memory.refusals[key] = 1
        if decision.verdict == "reject_rest" and message:
            self.memory.refused_message = message
        if decision.verdict == "always":
            approved.add(key[:2])
        elif policy.remember != "call" and decision.verdict == "approve" and decision.by == HUMAN:
            approved.add(key)

    def make_operation(self) -> Operation[Decision]:
        """Make the operation that decides."""
        agent, name, arguments = self.agent.name, self.call.name, self.call.arguments

        def decode(stored: list[Any]) -> Decision:
            return Decision(*stored)

        return Operation(
            kind="approval",
            key=lambda: f"{name}:{self.key[2]}",
            run=self._decide,
            started=lambda: events.ApprovalAsked(agent=agent, name=name, arguments=arguments),
            finished=lambda decision, seconds: events.ApprovalGiven(
                agent=agent,
                name=name,
                verdict={"always": "approve", "reject_rest": "reject"}.get(decision.verdict, decision.verdict),
                words=decision.words,
                by=decision.by,
                why=redact(decision.why),
                remembered=decision.verdict == "always" or self.policy.remember != "call",
                seconds=seconds,
            ),
            encode=list,
            decode=decode,
        )

    def _decide(self) -> Steps[Decision]:
        """Apply the rules in order; the first that refuses decides. Then ask the human, if that is needed."""
        needs_human, by = self.policy.needs_human, RULE
        reasons = [_describe_spoilers(self.spoilers)] if self.spoilers else []
        call, edited = self.call, False
        for rule in self.policy.rules:
            answer = yield from apply_rule(rule, call)
            by = getattr(rule, "by", RULE)
            if isinstance(answer, Ask) or answer == HUMAN:
                needs_human = True
                reasons.append(answer.why if isinstance(answer, Ask) else "")
            elif isinstance(answer, Edit):
                call = replace(call, arguments=normalize_arguments(self.function, dict(answer.arguments)))
                edited = True
            elif isinstance(answer, str):
                return Decision("reject", answer, by=by)
            elif answer is not True:
                if answer is not False and answer is not None:
                    raise TypeError(
                        f"A rule for approvals must return True, False, a text, Ask or Edit, got {answer!r:.100}."
                    )
                return Decision("reject", by=by)
        why = "; ".join(filter(None, reasons))
        arguments = call.arguments if edited else None
        if not needs_human or (self._is_remembered and not edited):
            return Decision("edit" if edited else "approve", "", arguments, RULE if needs_human else by)
        if call.message and self.memory.refused_message is call.message:
            return Decision("reject", "the rest of the calls was refused", by=HUMAN, why=why)
        batch = get_batch()
        # With a preview, a reason or other arguments, the list does not say all.
        if why or self.policy.preview is not None or (batch is not None and not batch.lists(call.arguments)):
            batch = None
        decision = (yield from self._ask(call, why, batch))._replace(why=why)
        if decision.verdict == "always" and self.policy.remember == "always":
            find_rules_file(self.policy).allow_tool(call.name)
        return decision._replace(verdict="edit", arguments=arguments) if edited and decision.is_approved else decision

    def _ask(self, call: GuardedCall, why: str, batch: Batch | None) -> Steps[Decision]:
        """Ask the human, until the answer can be used.

        Args:
            call: The call.
            why: Reason why the human is asked.
            batch: The calls of the message; None if the human must see this one alone.
        """
        agent, arguments = self.agent, redact(call.arguments)
        prompt = self._make_prompt(call, why)
        subject = {"kind": "approval", "tool": call.name, "arguments": arguments, "choices": CHOICES}
        if self.policy.approvers:
            subject["approvers"] = self.policy.approvers
        known = None if batch is None else batch.take_answer()
        others: dict[int, str] = {}
        problem = ""
        while True:
            text, answered = known, {}
            if text is None:
                # Questions that are shown elsewhere stand alone, and are the same whenever they are asked.
                with ask_about(preface="" if batch is None else batch.describe(), **subject) as answered:
                    text = yield from invoke(agent.get_human_input, agent.a_get_human_input, problem + prompt)
            known, problem = None, ""
            try:
                # An answer from elsewhere is about the question that was shown there.
                numbered = None if batch is None or answered.get("is_elsewhere") else batch.read_numbers(text)
                if batch is not None and numbered is not None:
                    numbers, text = numbered
                    chosen = dict.fromkeys(numbers - {batch.current}, text)
                    others.update(chosen)
                    batch.answers.update(chosen)
                    if batch.current not in numbers:
                        continue
                decision = parse_decision(text)
                if decision.arguments is not None:
                    decision = decision._replace(arguments=normalize_arguments(self.function, decision.arguments))
            except ValueError as error:
                problem = f"The answer can't be used: {trim_stop(error)}. "
                continue
            decision = decision._replace(others={str(number): words for number, words in others.items()} or None)
            return decision._replace(by=EXPIRY) if answered.get("is_expired") else decision

    def _make_prompt(self, call: GuardedCall, why: str) -> str:
        # Needs pydantic.
        from ...coding.approval import visible

        reason = f" ({visible(trim_stop(redact(why)))})" if why else ""
        shown = show_arguments(call.arguments)
        title = self.title or f"{self.agent.name} is to call {visible(call.name)} with {shown}{reason}."
        if self.policy.preview is not None:
            title = f"{title}\n{visible(call_preview(self.policy.preview, call.arguments))}\n"
        return (
            f"{title} Approve? "
            "(y: yes, a: yes, and later calls of it in this chat, n: no, r: no, nor the other calls of this message, "
            "e {...}: yes, with these arguments, q: end the chat, or a text: no, and the model reads it) "
        )


def request_approval(
    agent: AgentCore,
    policy: ApprovalPolicy,
    name: str,
    arguments: dict[str, Any],
    *,
    function: Any = None,
    history: tuple[dict[str, Any], ...] = (),
    spoilers: Sequence[str] = (),
) -> Steps[ApprovedCall | str]:
    """Request the approval of a call.

    Args:
        agent: Agent that executes it.
        policy: The approval that the tool needs.
        name: Name of the tool.
        arguments: Its arguments.
        function: The tool; None for a call without one.
        history: Conversation that led to the call.
        spoilers: Sources in view; if there are any, nobody but a human may approve the call.

    Returns:
        The call that may be made, or the text for the model if it is refused.

    Raises:
        GuardrailStop: if the human ends the chat, or a refused call comes again and again.
    """
    if spoilers and not policy.needs_human:
        return f"The call was not made, because {_describe_spoilers(spoilers)}."
    call = GuardedCall(agent.name, name, dict(arguments), history, events.get_current_chat())
    request = _Request(agent, policy, call, function, spoilers=spoilers)
    refusals = request.memory.refusals
    if refusals[request.key]:
        refusals[request.key] += 1
        if refusals[request.key] > MAX_REFUSALS:
            raise GuardrailStop(f"approval of {name}", "a call that was refused came again and again")
        return _make_refusal(agent, "", "It was refused before.")
    decision = yield from perform(request.make_operation())
    request.remember(decision)
    if decision.verdict == "stop":
        raise GuardrailStop(f"approval of {name}", "a human ended the chat")
    if decision.verdict in ("reject", "reject_rest"):
        return _make_refusal(agent, decision.words)
    if decision.arguments is None:
        return ApprovedCall(arguments)
    return ApprovedCall(decision.arguments, _describe_changes(agent, arguments, decision.arguments))


def review_code(agent: AgentCore, blocks: Sequence[Any]) -> Steps[list[Any]]:
    """Request the approval of code blocks, in order, until one is rejected.

    Returns:
        For each block: True, a block to run instead, or False or a text to reject it.

    Raises:
        GuardrailStop: if the human ends the chat.
    """
    # Needs pydantic, which an agent that runs code has loaded.
    from ...coding.approval import visible

    verdicts: list[Any] = []
    for block in blocks:
        language = visible(block.language.replace("\n", " ")) or "unknown language"
        title = f"----- {language} -----\n{visible(block.code)}\n-----\n{agent.name} is to run this code."
        call = GuardedCall(agent.name, "code", {"language": block.language, "code": block.code})
        request = _Request(agent, ApprovalPolicy((), True, "call"), call, _check_block, title)
        decision = yield from perform(request.make_operation())
        request.remember(decision)
        if decision.verdict == "stop":
            raise GuardrailStop("approval of code", "a human ended the chat")
        if decision.verdict in ("reject", "reject_rest"):
            verdicts.append(decision.words or False)
            break
        verdicts.append(True if decision.arguments is None else block.model_copy(update=decision.arguments))
    return verdicts


def _check_block(*, code: str, language: str) -> None:
    """Stand in for a tool with the arguments of a block."""


vars(_check_block)["_checked"] = _check_block


def _describe_spoilers(spoilers: Sequence[str]) -> str:
    shown = ", ".join(spoilers[:_MAX_SOURCES])
    more = f" and {len(spoilers) - _MAX_SOURCES} more" if len(spoilers) > _MAX_SOURCES else ""
    return f"{shown}{more} {'is' if len(spoilers) == 1 else 'are'} in view"


def _make_refusal(agent: AgentCore, words: str, addition: str = "") -> str:
    reason = f": {words}" if words else "."
    end = "" if reason.endswith((".", "!", "?")) else "."
    advice = addition or "Do not repeat it unchanged."
    return f"The call was not made. The reviewer of {agent.name} refused it{reason}{end} {advice}"


def _describe_changes(agent: AgentCore, before: dict[str, Any], after: dict[str, Any]) -> str:
    """Return the text for the model about arguments that are not its own; empty if they are the same."""
    changes = [
        f"{key} is {_show(after, key)} instead of {_show(before, key)}"
        for key in dict.fromkeys((*before, *after))
        if before.get(key) != after.get(key)
    ]
    return f"The reviewer of {agent.name} changed the arguments: {', '.join(changes)}." if changes else ""


def _show(arguments: dict[str, Any], key: str) -> str:
    text = json.dumps(arguments[key], ensure_ascii=False, default=str) if key in arguments else "missing"
    return text if len(text) <= 200 else f"{text[:200]}..."


def parse_decision(text: str) -> Decision:
    """Parse the answer of a human.

    Raises:
        ValueError: if its arguments are not a JSON object.
    """
    words = text.strip()
    plain = words.rstrip(".!").lower()
    for verdict, texts in (("approve", _YES), ("always", _ALWAYS), ("stop", _STOP), ("reject", _NO), ("reject_rest", _REST)):
        if plain in texts:
            return Decision(verdict, by=HUMAN)
    first, _, rest = words.partition(" ")
    if first.lower() in ("e", "edit") and rest.lstrip().startswith("{"):
        try:
            return Decision("edit", "", json.loads(rest), HUMAN)
        except ValueError:
            raise ValueError("they must be a JSON object after the e") from None
    # A text that only begins with yes is a condition, which the model has to read first.
    if first.lower() == "reject_rest":
        return Decision("reject_rest", rest.strip(), by=HUMAN)
    if first.lower().rstrip(",:;") in ("n", "no", "reject") and rest:
        words = rest
    return Decision("reject", words, by=HUMAN)
