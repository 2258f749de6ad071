"""The prompts of agents that build agents. Names in braces are filled in."""

from __future__ import annotations

from collections.abc import Mapping
from re import Match, compile

_PLACEHOLDER = compile(r"\{(\w+)\}")

TEAM = """Plan a team of experts for a task. They will work on it in a group chat, each with instructions of its own.

- Take as few experts as the task needs, {max_agents} at most, and no two with the same skill.
- `name`: the skill and the word Expert, joined by underscores, as in Statistics_Expert.
- `role`: one sentence that says who the expert is and is good at.
- `instructions`: what the expert does for this kind of task, step by step, how results are checked, and what a good result
  has. Write to the expert ("You ..."), and name no numbers or names of the task: the team may get another of its kind.
- `description`: one sentence for the others, which says when the expert should speak.
- `needs_programming`: true if code must be run to solve the task; a terminal for that then joins the team.

# Task
{task}
"""

DEFAULT_DESCRIPTION = """## Role
[Who the expert is, and the skill.]

## Duties and method
[The duties of the expert, and how it solves tasks of this kind, step by step.]

## Collaboration
[When the expert speaks in the group, and whose results it builds on or checks.]

## Results
[What a result of the expert has, and how it is checked.]
"""

GROUP_CHAT = """# You are in a group
Your role is {name}. You work on a task together with: {members}.{user_proxy_desc}

- Speak for your role alone, and answer the others as a colleague: build on right results, correct wrong ones.
- When the task is solved, and everybody agrees that the result is right, say the result and end with the word TERMINATE.

# Your profile
{sys_msg}
"""

USER_PROXY = "\n{user_proxy} runs the Python and shell code that you write, and reports the output."

SKILLS = """## Working with code and facts
When something has to be computed, looked up or done on the machine:
- Write it as one fenced block, tagged python or sh: a whole program, which prints what you need to see. It can't ask for
  input. Wait for its output before you go on.
- Read the output. If the program failed, find the cause and send the corrected program.
Check each result against the task, by a second way if there is one. Say so if something is not known.
"""

PROXY_REPLY = (
    "There is no code in the last message that I could run. Somebody else should speak, and say TERMINATE if everybody "
    "agrees that the task is solved."
)

CODING = """Must code be run to solve this task?

# Task
{task}

Answer with one word: YES or NO.
"""

NAMES = """Name the experts that are needed for a task.

# Task
{task}

# Form of the answer
The names alone, {max_agents} at most, separated by commas. A name has the form [skill]_Expert, such as
Python_Expert. Take as few as the task needs, and no two with the same skill.
"""

PROFILE = """Write the profile of an expert who works in a group on a kind of task.

# Expert
{position}

# Task
{task}

# Form of the answer
Fill in this template. Write to the expert ("You ..."), and name no numbers or names of the task.

{default_sys_msg}
"""

DESCRIPTION = """Describe an expert to its colleagues in one sentence: what the expert can do, and when it should speak.

# Expert
{position}

# Profile
{sys_msg}

Answer with the sentence alone.
"""

SEARCHING = """Which of these agents are needed for the task?

# Task
{task}

# Agents
{agent_list}

Answer with their names alone, separated by commas.
"""

SELECTION = """Find an expert for each skill, or none if nobody in the pool has it.

# Skills
{skills}

# Pool: name and description
{expert_pool}

# Form of the answer
A JSON object with an entry for each skill: the skill, and the name of the expert, a colon and the description, or None.
{{
    "skill 1": "Name_of_expert: the description",
    "skill 2": "None"
}}
"""

MATCHES = """Find an expert for each skill. Take an expert only if the description shows that it has the skill; otherwise
write None. An expert may have several skills.

# Skills, by number
{skills}

# Pool: name and description
{expert_pool}
"""

FUNCTION_MAP = """Which agent should be able to call this function?

# Function
{function_name}: {function_description}

# Agents
{format_agent_details}

Answer with the name of the agent alone.
"""

WITH_FUNCTION = """{agent_system_message}

## Function {function_name}
You can call the function {function_name} when it helps: {function_description}
"""


def fill_in(template: str, **values: object) -> str:
    """Return a template with values for the names in braces.

    Values are never read as templates. A template that `str.format` does not accept, because it holds other braces, has the
    known names filled in alone.

    >>> fill_in("{task} as {{'a': 1}}", task="Sum {x}"), fill_in("{task} as {'a': 1}", task="Sum")
    ("Sum {x} as {'a': 1}", "Sum as {'a': 1}")
    """
    try:
        return template.format_map(values)
    except (AttributeError, IndexError, KeyError, ValueError):
        return _PLACEHOLDER.sub(lambda match: _get_value(match, values), template)


def _get_value(match: Match[str], values: Mapping[str, object]) -> str:
    return str(values.get(match[1], match[0]))
