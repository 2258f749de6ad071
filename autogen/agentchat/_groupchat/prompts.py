"""Prompts for the model that selects speakers, and the introduction of a team."""

MESSAGE = """A team works on a task by talking in turns. The roles in it:
{roles}
Read the conversation below. Then decide which role of {agentlist} speaks next. Answer with the role's name alone."""

PROMPT = "You have read the conversation above. Which role of {agentlist} speaks next? Answer with the role's name alone."

SEVERAL = """Your answer named more than one role, and one can speak next. Decide by these rules, the first that fits counts:
1. Somebody says that they are the next to speak: that role.
2. Somebody announces who is next: the role announced.
3. Otherwise: the role named first.
Answer with that name alone, spelled exactly as it was given, letter case included. No explanation."""

NONE = """Your answer named no role. Choose the next speaker by these rules, the first that fits counts:
1. Somebody says that they are the next to speak: that role.
2. Somebody announces who is next: the role announced.
3. Otherwise: the role named first.
Answer with that name alone, spelled exactly as it is in {agentlist}, letter case included. No explanation."""

INTRODUCTION = "Hello, all of you. We are a team that will answer questions and solve tasks together. Its members:"
