"""A private source in a configuration that cannot be used: the error says where, and not what stands there."""

import pytest

from aggregator import config
from aggregator.errors import ConfigError
from aggregator.wiring import checks


@pytest.mark.parametrize(
    "wrong",
    [
        'url = "ftp://me:CANARY-pass@127.0.0.1/CANARY"',
        'url = "htps:/CANARY-path/with/a/very/long/address/that/is/cut/in/messages/about/it"',
        'kind = "file"\nurl = "https://127.0.0.1/CANARY"',
        'url = "https://127.0.0.1/x"\nheaders = { X = "CANARY-\\u00e9" }',
        'url = ["https://127.0.0.1/CANARY"]',
        'kind = "json"\nurl = "https://127.0.0.1/x"\nitems = "$[*]"\nlink = "CANARY-template"',
    ],
)
def test_a_mistake_in_a_private_sources_table_is_told_with_its_place_only(wrong: str) -> None:
    def problem(private: str) -> str:
        with pytest.raises(ConfigError) as caught:
            config.parse(f"[sources.mine]\n{wrong}\n{private}", "a.toml", checks())
        return str(caught.value)

    assert "a.toml:" in problem("private = true")
    assert "sources.mine" in problem("private = true")
    assert "canary" not in problem("private = true").lower()
    assert "canary" not in problem('private = "yes"').lower()
    assert "canary" in problem("").lower()


def test_what_is_wrong_with_a_private_source_is_still_told() -> None:
    with pytest.raises(ConfigError, match=r"'feeed' is none of .* did you mean 'feed'"):
        config.parse('[sources.mine]\nurl = "https://a.example/"\nkind = "feeed"\nprivate = true', "a.toml", checks())
