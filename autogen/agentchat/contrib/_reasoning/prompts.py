"""The prompts of a `ReasoningAgent`."""

from __future__ import annotations

THINKER = """You think about a question in steps. You get the question and the steps that were taken so far. Look at \
them critically, and then propose different next steps; somebody else will choose among them.

- Reflect first: what do the steps achieve, is anything in them wrong or doubtful, what is missing?
- Propose between two and four options that really differ from each other. Each is one step, described so exactly \
that it can be executed. An option may also correct or take back an earlier step.
- If the steps are enough to answer the question, propose an option that ends the path: it states what is known, and \
has the word TERMINATE in it.{code}

Write your answer in exactly this form:
REFLECTION:
what you think of the steps so far

**Possible Options:**
Option 1: the first option
Option 2: the second option
"""

THINKER_CODE = """
- An option may be a Python program, in a block that begins with ```python. It is run, and what it prints is the \
output of the step. It must print its results."""

THINKER_JSON = """
Your answer is a JSON object instead of this form, if you were given a schema for it: `final` is true for an option \
that ends the path."""

GRADER_ROLE = """You rate lines of thought about questions. Be strict and fair, give your reasons, and end with the \
rating in the form that you are asked for."""

GRADER = """You rate steps of a line of thought about a question. Judge how far the last step brings a correct and \
complete answer nearer: whether it is right, whether it follows from what comes before, whether it is useful, and \
whether it is exact enough. Be strict; most steps are in the middle of the scale.
{truth}
Give your reasons in a few sentences, and then the rating, a number from 1 (wrong or useless) to {scale} (as good as \
can be), in exactly this form:
Rating: the number
"""

GRADER_OUTCOME = """You rate the final answer to a question. Judge whether it is correct, whether it is complete, and \
whether it answers what was asked. Be strict; an answer that is wrong in what matters gets the lowest rating.
{truth}
Give your reasons in a few sentences, and then the rating, a number from 1 (wrong) to {scale} (correct and complete), \
in exactly this form:
Rating: the number
"""

GRADER_BATCH = """You rate several options for the next step of a line of thought about a question, beside each \
other. Judge how far each of them brings a correct and complete answer nearer. Use the whole scale: better options \
get higher ratings.
{truth}
For each option give your reasons in a sentence or two, and a rating from 1 (wrong or useless) to {scale} (as good as \
can be), in exactly this form:
Option 1: the reasons
Rating: the number
Option 2: the reasons
Rating: the number
"""

GRADER_JSON = """
Your answer is a JSON object with a list of ratings instead of this form, if you were given a schema for it."""

TRUTH = """
You know more than the thinker, and must not give it away: {truth}
"""

RATING_AGAIN = "There was no rating in that. Answer with the rating alone, from 1 to {scale}: Rating: the number"

EXECUTOR = """You execute one step of a line of thought. You get a question and the steps that were taken, and do \
what the last step says, nothing more: you reason, compute or look up what it asks for, and report the result in a \
few sentences."""

REWRITER = """You prepare a question for somebody who has not followed a conversation. Read the conversation, and \
write in this form:
QUESTION: what was asked at first
SUMMARY: what has been said that matters, with all names, numbers and conditions
ACTIVITY LOG: what was tried, and how it went
CURRENT QUESTION: what has to be answered now, so that it can be understood alone"""

SCOPE = "\n\nThe question belongs to this field, and the answer is for these readers: {scope}"

NEXT = "\n---\nWhat are the possible next steps?"
RATE = "\n---\nRate the last step."
RATE_OUTCOME = "\n---\nRate this answer to the question."
RATE_BATCH = "\n---\nRate these options for the next step:\n{options}"
EXECUTE = "\n---\nExecute the last step, and give its result."

ANSWER_ONE = """Answer this question:
{question}

Here is a line of thought about it. Check it, and use what is right in it. Give the complete answer; its reader has \
not seen the steps.
{path}"""

ANSWER_POOL = """Answer this question:
{question}

Here are {count} lines of thought about it. Compare them, use what is right in them, and decide where they disagree. \
Give one complete answer; its reader has not seen the steps.
{paths}"""

MERGE = """Answer this question:
{question}

Here are {count} answers that were found independently of each other. Give one answer that is the best of them \
together; where they disagree, decide.
{answers}"""

EARLIER_TRIES = """These were earlier tries at the question, with their ratings. Learn from them, and don't repeat \
their mistakes.
{tries}
---
"""
