"""A scripted model that gives as many choices as it is asked for, with tokens that make costs exact."""

import json

from autogen.testing import Fault, ScriptedModel


class ModelWithChoices(ScriptedModel):
    """Each choice says `say(params, number)`, and has `output` tokens (or `output(params)`).

    Args:
        most: Choices that one answer has at most.
        refuse_above: With more than these `n` it answers with status 400, and says that it is `n`.
        first: Faults with which it begins; None stands for an answer.
    """

    def __init__(
        self,
        say=lambda params, number: f"choice {number}",
        output=10,
        input=100,
        most=10**6,
        refuse_above=10**6,
        first=(),
        name="gpt-4o-mini",
    ):
        super().__init__(name=name)
        self.say, self.output, self.input, self.most, self.refuse_above = say, output, input, most, refuse_above
        self.first = list(first)

    @property
    def asked_for(self):
        """Of each request what was asked, and for how many choices."""
        return [(request["messages"][-1]["content"], request.get("n", 1)) for request in self.requests]

    def answer(self, params):
        with self._lock:
            self.requests.append(params)
            fault = self.first.pop(0) if self.first else None
        if fault is not None:
            return fault
        wanted = params.get("n") or 1
        if wanted > self.refuse_above:
            return refused("n is too large", param="n")
        count = min(wanted, self.most)
        output = (self.output(params) if callable(self.output) else self.output) * (params.get("best_of") or count)
        usage = {"prompt_tokens": self.input, "completion_tokens": output, "total_tokens": self.input + output}
        texts = [self.say(params, number) for number in range(count)]
        chat = "messages" in params
        kind = "chat.completion" if chat else "text_completion"
        choices = [
            {"index": i, "finish_reason": "stop", "logprobs": None, **_said(text, chat)} for i, text in enumerate(texts)
        ]
        whole = {"id": "x", "object": kind, "created": 0, "model": params["model"], "choices": choices, "usage": usage}
        return Fault(status=200, body=json.dumps(whole).encode())


def _said(text, chat):
    return {"message": {"role": "assistant", "content": text}} if chat else {"text": text}


def refused(message, status=400, **fields):
    """A refusal with the fields that vendors put into it."""
    return Fault(status=status, body=json.dumps({"error": {"message": message, **fields}}).encode())
