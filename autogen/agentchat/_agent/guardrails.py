"""Registration of guardrails with an agent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..._steps import Steps, run_sync
from .._guardrails.checks import make_guard
from .._guardrails.run import add_guard, find_hit, get_guards
from ..agent import Message
from .hooks import HooksMixin

if TYPE_CHECKING:
    from .._guardrails.classic import Guardrail, GuardrailResult


class GuardrailsMixin(HooksMixin):
    """Guardrails of an agent."""

    def register_guardrail(
        self,
        check: Any,
        *,
        on: str,
        then: str = "replace",
        name: str | None = None,
        on_error: str = "trip",
        beside: bool = False,
        stream: str | int = "hold",
    ) -> None:
        """Register a check on the messages, calls or code that pass through the agent.

        Args:
            check: Function that returns None, or `Tripped(why, replacement)` to object; a compiled pattern that must not
                match; a detector or a model with a rubric from `autogen.agentchat.guardrails`. A function may be a
                coroutine function.
            on: `input` (received messages, before the reply), `output` (the reply, before it is sent), `tool` (a call,
                before it is made), `tool_result`, `code` (blocks, before they are run) or `final` (the summary of a chat).
            then: Consequence if it trips: `replace` (by the replacement, or else a notice), `ask` (the human decides),
                `retry` (for `output`: the model gets the reason, at most twice), `end` (the chat ends with the stop reason
                `guardrail`), or `raise` (`GuardrailTripped`).
            name: Name in events and notices; that of the check if None.
            on_error: `trip` or `pass`: consequence of a check that raises an exception.
            beside: True to run a check of `input` beside the request to the model. It is over before anything of the answer
                takes effect: no tool is called, no message sent and no piece shown. If it trips, the request is cancelled.
            stream: For `output`, handling of a reply that arrives as a stream: `hold` shows it after the check; `through`
                shows it at once, and a `reply_retracted` event follows if it trips; a number of characters, for patterns and
                detectors, shows all but so many, and nothing more once it trips. A match must not be longer.

        Raises:
            TypeError: if `check` is of another type.
            ValueError: if another argument has an unknown value.

        >>> agent.register_guardrail(re.compile(r"(?i)drop table"), on="tool", name="no-drop")  # doctest: +SKIP
        """
        guard = make_guard(check, on=on, then=then, name=name, on_error=on_error, beside=beside, stream=stream)
        add_guard(self, guard)

    def register_input_guardrail(self, guardrail: Guardrail) -> None:
        """Register a guardrail for received messages: if it trips, its notice is the reply and its target is next."""
        self._add_classic("input", guardrail)

    def register_input_guardrails(self, guardrails: Iterable[Guardrail]) -> None:
        """Register several guardrails for received messages."""
        for guardrail in guardrails:
            self.register_input_guardrail(guardrail)

    def register_output_guardrail(self, guardrail: Guardrail) -> None:
        """Register a guardrail for replies: if it trips, its notice is sent instead and its target is next."""
        self._add_classic("output", guardrail)

    def register_output_guardrails(self, guardrails: Iterable[Guardrail]) -> None:
        """Register several guardrails for replies."""
        for guardrail in guardrails:
            self.register_output_guardrail(guardrail)

    def _add_classic(self, on: str, guardrail: Guardrail) -> None:
        if not callable(getattr(guardrail, "check", None)):
            raise TypeError(f"A guardrail needs a method check, got {guardrail!r}. A function is for register_guardrail.")
        self.register_guardrail(guardrail, on=on, on_error=getattr(guardrail, "on_error", "trip"))

    def run_input_guardrails(self, messages: list[Message] | None = None) -> GuardrailResult | None:
        """Run the guardrails for received messages on some messages.

        Returns:
            The result of the first that trips; None if none does.
        """
        return run_sync(self._find_hit("input", messages))

    def run_output_guardrails(self, reply: str | Message | None) -> GuardrailResult | None:
        """Run the guardrails for replies on a reply; see `run_input_guardrails`."""
        return run_sync(self._find_hit("output", reply))

    def _find_hit(self, on: str, context: Any) -> Steps[GuardrailResult | None]:
        if not context or not get_guards(self, on):
            return None
        hit = yield from find_hit(self, on, context)
        if hit is None:
            return None
        # Loads pydantic.
        from .._guardrails.classic import GuardrailResult

        guard, verdict = hit
        return GuardrailResult(activated=True, justification=verdict.why, guardrail=guard.source)
