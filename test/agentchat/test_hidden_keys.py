"""Keys that an agent is given don't show."""

from autogen import ConversableAgent, LLMConfig

KEY = "a-key-of-no-known-vendor"


def test_a_printed_config_shows_no_key():
    config = {"config_list": [{"model": "m", "api_key": KEY, "default_headers": {"x-team": "blue"}}], "temperature": 0}
    agent = ConversableAgent("a", llm_config=config)
    assert KEY not in f"{agent.llm_config} {agent.client} {vars(agent)}"
    assert agent.llm_config["config_list"][0]["api_key"] == KEY
    assert KEY in str(config)  # the program's own dict stays as it is
    assert isinstance(ConversableAgent("b", llm_config=LLMConfig(config)).llm_config, LLMConfig)
