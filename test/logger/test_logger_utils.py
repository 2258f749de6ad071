"""`to_dict` and `get_current_ts`, which public programs use."""

from datetime import datetime

from autogen import ConversableAgent
from autogen.logger.logger_utils import get_current_ts, to_dict


class Inner:
    def __init__(self):
        self.number = 1.5
        self.text = "some text"
        self.rows = {"some": [7, 8], 5: (1, None, True)}
        self.function = lambda x, y: x + y
        self.left_out = "x"


class Outer:
    def __init__(self, agents):
        self.inner = Inner()
        self.agents = agents
        self.by_name = {agent.name: agent for agent in agents}


def test_the_time_is_utc_text():
    text = get_current_ts()
    assert datetime.strptime(text, "%Y-%m-%d %H:%M:%S.%f").strftime("%Y-%m-%d %H:%M:%S.%f") == text


def test_numbers_texts_and_nothing_stay():
    for value in (1, 1.5, "text", True, None):
        assert to_dict(value) is value


def test_objects_become_dicts_and_callables_their_source(agent):
    agents = [agent("a"), agent("b")]
    made = to_dict(Outer(agents), exclude=("left_out",), no_recursive=(ConversableAgent,))
    assert made["inner"] == {
        "number": 1.5,
        "text": "some text",
        "rows": {"some": [7, 8], "5": [1, None, True]},
        "function": "self.function = lambda x, y: x + y",
    }
    assert made["agents"] == [str(one) for one in agents]
    assert made["by_name"] == {one.name: str(one) for one in agents}


def test_a_callable_without_source_becomes_its_name():
    world: dict = {}
    # Python 3.13 has the source of `-c` under the name that `exec` gives to a text.
    exec(compile("def made(): pass", "<made>", "exec"), world)
    assert to_dict([len, world["made"]])[0] == "builtins.len"
    assert "made" in to_dict(world["made"])


def test_secrets_are_masked_also_in_source():
    def asks():
        return "sk-0123456789abcdefghij"

    made = to_dict({"api_key": "mine", "asks": asks, "url": "https://me:pw@host/"})
    assert made["api_key"] == "***"
    assert "sk-0123" not in made["asks"]
    assert made["url"] == "https://***@host/"


def test_what_holds_itself_ends():
    value: dict = {"a": 1}
    value["self"] = [value]
    assert to_dict(value) == {"a": 1, "self": ["<<dict that holds itself>>"]}
