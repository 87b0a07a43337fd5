"""Which channels an article joins, and under which slugs they stand."""

import json
import re
from pathlib import Path

import pytest

from aggregator.categorise import (
    Naming,
    PostNaming,
    categories_of,
    channel_for,
    names_of_post,
    naming_of_posts,
    reason_for,
    title_of,
)
from aggregator.records import Channel, Entry, RawEntry, RawPost, Source
from aggregator.urls import fold_name, slug, slug_suffix

SHARED = Path(__file__).resolve().parents[2].parent / "shared"
ENTRY = Entry("s", outlet="南昌日报", author="记者甲", tags=("财经", "股票"))

PLAIN = Naming()


def opened(names: list[str], naming: Naming = PLAIN) -> dict[str, Channel]:
    """The channels that names open one after the other, by folded name."""
    channels: dict[str, Channel] = {}
    for name in names:
        taken = {channel.slug for channel in channels.values()}
        channels.setdefault(fold_name(name), channel_for(name, naming, taken.__contains__))
    return channels


@pytest.mark.parametrize(
    ("source", "names"),
    [
        (Source("s", "u", categories=("科技",)), ("科技",)),
        (Source("s", "u", categories=("科技", "要闻")), ("科技", "要闻")),
        (Source("s", "u", category_from="outlet"), ("南昌日报",)),
        (Source("s", "u", category_from="author"), ("记者甲",)),
        (Source("s", "u", category_from="tags"), ("财经", "股票")),
        (Source("s", "u", categories=("科技",), category_from="tags"), ("科技", "财经", "股票")),
        (Source("s", "u", title="来源"), ("来源",)),
        (Source("s", "u"), ("s",)),
    ],
)
def test_an_article_joins_the_fixed_categories_then_those_taken_from_it(source: Source, names: tuple[str, ...]) -> None:
    assert categories_of(ENTRY, source) == names


def test_each_category_has_the_rule_that_gave_it() -> None:
    source = Source("s", "u", categories=("科技",), category_from="tags")
    reasons = {name: reason_for(name, ENTRY, source) for name in categories_of(ENTRY, source)}
    assert reasons == {"科技": "category", "财经": "tags", "股票": "tags"}
    assert reason_for("南昌日报", ENTRY, Source("s", "u", category_from="outlet")) == "outlet"
    assert reason_for("s", ENTRY, Source("s", "u")) == "name"


def test_an_article_that_names_nothing_falls_back_to_its_source() -> None:
    for said in ("outlet", "author", "tags"):
        source = Source("s", "u", title="来源", category_from=said)
        assert categories_of(Entry("s", outlet=" \u200b", author="", tags=("", "　")), source) == ("来源",)


def test_names_that_differ_in_case_width_or_space_are_named_once_as_they_came_first() -> None:
    source = Source("s", "u", categories=("TechWeb",), category_from="tags")
    entry = Entry("s", tags=("Techweb", "ＴＥＣＨ ＷＥＢ", "安信(香港)", "安信（香港）"))
    assert categories_of(entry, source) == ("TechWeb", "安信(香港)")


def test_a_feed_that_tags_everything_with_everything_joins_twenty_channels() -> None:
    entry = Entry("s", tags=tuple(f"tag {n}" for n in range(500)))
    assert categories_of(entry, Source("s", "u", category_from="tags")) == entry.tags[:20]


def test_different_names_whose_slugs_fall_together_get_a_suffix_that_depends_on_the_name_alone() -> None:
    first, second = opened(["世纪", "时机"]).values()
    assert (first.slug, second.slug) == ("shiji", f"shiji-{slug_suffix('时机')}")
    other, plain = opened(["时机", "世纪"]).values()
    assert (other.slug, plain.slug) == ("shiji", f"shiji-{slug_suffix('世纪')}")


def test_the_provinces_shanxi_and_shaanxi_do_not_fall_together() -> None:
    assert [channel.slug for channel in opened(["山西日报", "陕西日报"]).values()] == ["shanxiribao", "shaanxiribao"]


def test_a_channel_named_by_hand_takes_its_names_and_keeps_others_out() -> None:
    naming = Naming("{name}新闻", titles={"keji": "科技"}, slugs={fold_name("科技"): "keji", fold_name("Tech"): "keji"})
    by_hand = channel_for("ＴＥＣＨ", naming, lambda _: True)
    assert (by_hand.slug, by_hand.title) == ("keji", "科技")
    stranger = channel_for("科级", naming, lambda _: False)
    assert stranger.slug == f"keji-{slug_suffix('科级')}"
    assert stranger.title == "科级新闻"


@pytest.mark.parametrize(
    ("name", "form", "title"),
    [
        ("南昌日报", "{name}新闻", "南昌日报新闻"),
        ("财经新闻", "{name}新闻", "财经新闻"),
        (" 南昌日报 ", "{name}新闻", "南昌日报新闻"),
        ("Tech", "News: {name}", "News: Tech"),
        ("News: Tech", "News: {name}", "News: Tech"),
        ("News: Tech", "News: {name}!", "News: Tech!"),
        ("{name}", "{name}新闻", "{name}新闻"),
    ],
)
def test_what_the_title_format_adds_is_not_added_twice(name: str, form: str, title: str) -> None:
    assert title_of("slug", name, Naming(form)) == title


def test_the_names_that_broke_other_systems_become_channels_of_their_own_with_safe_slugs() -> None:
    sidecars = SHARED / "corpus" / "SIDECARS.json"
    if not sidecars.is_file():
        pytest.skip("the shared corpus is not beside this checkout")
    facts = json.loads(sidecars.read_text(encoding="utf-8"))["hostile/made/categories-slugs.xml"]
    names = [name for name in facts["expect"]["categories"] if fold_name(name)]
    assert len(names) == len(facts["expect"]["categories"]) - 2

    channels = opened(names)
    slugs = [channel.slug for channel in channels.values()]
    assert len(set(slugs)) == len(slugs)
    for found in slugs:
        assert re.fullmatch(r"[a-z0-9](?:[a-z0-9-]{0,78}[a-z0-9])?", found)
        assert found not in ("index", "con", "nul", "aux", "prn")
    assert opened(list(reversed(names))).keys() == channels.keys()

    one = [["TechWeb", "Techweb", "TECHWEB"], ["安信国际证券(香港)", "安信国际证券（香港）"], ["a", "a"]]
    for same in one:
        assert len({channels[fold_name(name)].slug for name in same}) == 1
    many = ["21世纪经济报道 南财理财通", "21世纪经济报道", "21世界经济报道", "安信国际证券", "安信国际证券(香港)"]
    assert len({channels[fold_name(name)].slug for name in many}) == len(many)
    assert channels[fold_name("重庆日报")].slug == "chongqingribao"


def test_every_name_has_a_slug_of_its_own_even_when_the_plain_one_is_taken() -> None:
    channel = channel_for("南昌日报", Naming(), lambda chosen: chosen == "nanchangribao")
    assert channel.slug == f"{slug('南昌日报')}-{slug_suffix('南昌日报')}"


# --- the names in posts ---------------------------------------------------------------------------------

NEWS = PostNaming("{name}新闻")


def names(tags: str | list[str], categories: str | list[str], naming: PostNaming = NEWS) -> dict[str, str]:
    said = [categories] if isinstance(categories, str) else categories
    post = RawPost(RawEntry(tags=(tags,) if isinstance(tags, str) else tuple(tags)), tuple(said))
    return names_of_post(post, naming)


@pytest.mark.parametrize(
    ("tag", "category", "name"),
    [
        ("南昌日报新闻", "nanchangribao", "南昌日报"),
        ("每日新闻", "meirixinwen", "每日新闻"),
        ("每日新闻", "meiri", "每日"),
        ("东财滚动新闻", "emnews", "东财滚动"),
        ("重庆日报新闻", "zhongqingribao", "重庆日报"),
        ("陕西日报新闻", "shanxiribao", "陕西日报"),
        ("TechWeb新闻", "TechWeb", "TechWeb"),
        ("21世纪经济报道  南财理财通新闻", "21shijijingjibaodao  nancailicaitong", "21世纪经济报道  南财理财通"),
        ("安信国际证券(香港)新闻", "anxinguojizhengquan(xianggang)", "安信国际证券(香港)"),
        ("新闻", "xinwen", "新闻"),
        ("新闻", "", "新闻"),
    ],
)
def test_the_title_of_a_channel_stands_for_its_name(tag: str, category: str, name: str) -> None:
    assert list(names(tag, category)) == [name]


def test_the_address_tells_the_name_whatever_titles_are_made_of_now() -> None:
    assert list(names("南昌日报新闻", "nanchangribao", PostNaming())) == ["南昌日报"]
    suffixed = f"weilai-{slug_suffix('未来')}"
    assert names("未来新闻", suffixed, PostNaming()) == {"未来": suffixed}


def test_a_title_given_by_hand_or_open_already_is_known() -> None:
    naming = Naming("{name}", titles={"emnews": "东财滚动新闻"}, slugs={"东财滚动": "emnews"})
    known = naming_of_posts(naming, [Channel("keji", "Science!", "科技"), Channel("x", "", "")])
    assert list(names("东财滚动新闻", "other", known)) == ["东财滚动"]
    assert list(names("science!", "other", known)) == ["科技"]


def test_the_title_of_a_channel_that_a_rule_fills_names_no_category() -> None:
    known = naming_of_posts(Naming("{name}新闻"), [Channel("keji", "科技新闻", "科技"), Channel("ai", "AI新闻", "")])
    assert names(["科技新闻", "AI新闻"], ["keji", "ai"], known) == {"科技": "keji"}


def test_what_posts_say_of_addresses_is_kept_beside_each_name() -> None:
    assert names(["甲新闻", "乙新闻"], ["a", "b"]) == {"甲": "a", "乙": "b"}
    assert names("甲新闻", ["a", "b"]) == {"甲": ""}


def test_only_a_post_without_tags_is_named_by_its_categories() -> None:
    assert names([], "emnews") == {"emnews": ""}
    assert names([], []) == {}
