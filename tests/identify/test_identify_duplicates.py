"""One story from several sources: what is taken for it, and what is not, on pairs whose answer is known."""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

import pytest
from duplicates_labelled import SHARED, Pair, held_out_pairs, own_articles, own_pairs, real_pairs
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.identify.duplicates import Fingerprint, fingerprint, same_story

Judged = list[tuple[Pair, Fingerprint, Fingerprint]]


def judged(pairs: Iterable[Pair]) -> Judged:
    """Fingerprint the pairs, each article once; those too short to tell are left out."""
    known: dict[tuple[str, str], Fingerprint | None] = {}
    result = []
    for pair in pairs:
        for side in (pair.one, pair.other):
            if side not in known:
                known[side] = fingerprint(*side)
        one, other = known[pair.one], known[pair.other]
        if one and other:
            result.append((pair, one, other))
    return result


def found(one: Fingerprint, other: Fingerprint) -> bool:
    """What the store and the verdict do together: a shared band makes a candidate."""
    return not set(one.bands).isdisjoint(other.bands) and same_story(one, other)


def without_figures(one: Fingerprint) -> Fingerprint:
    return replace(one, figures=b"\0")


def measured(pairs: Judged) -> tuple[float, float]:
    """Print how many of each kind were judged rightly; give precision and recall of all."""
    rows: dict[tuple[bool, str], list[bool]] = defaultdict(list)
    for pair, one, other in pairs:
        rows[pair.same, pair.kind].append(found(one, other))
    for (same, kind), verdicts in sorted(rows.items(), reverse=True):
        right = sum(verdict == same for verdict in verdicts)
        print(f"{'same' if same else 'different':10}{kind:34}{len(verdicts):6}{right / len(verdicts):9.3f}")
    hits = sum(sum(verdicts) for (same, _), verdicts in rows.items() if same)
    false = sum(sum(verdicts) for (same, _), verdicts in rows.items() if not same)
    precision, recall = hits / (hits + false), hits / sum(pair.same for pair, _, _ in pairs)
    print(f"precision {precision:.4f}  recall {recall:.4f}  ({len(pairs)} pairs, {false} wrongly merged)")
    return precision, recall


@pytest.fixture(scope="module")
def own() -> Judged:
    return judged(own_pairs())


def test_the_labelled_set_is_large_enough_to_say_something(own: Judged) -> None:
    assert sum(pair.same for pair, _, _ in own) >= 400
    assert sum(not pair.same for pair, _, _ in own) >= 1500


def test_own_articles_are_told_apart_and_together(own: Judged) -> None:
    precision, recall = measured(own)
    assert precision >= 0.995
    assert recall >= 0.9


@pytest.mark.skipif(not SHARED.exists(), reason="the collection of real feeds is not beside the repository")
def test_real_articles_are_told_apart_and_together() -> None:
    precision, recall = measured(judged(real_pairs()))
    assert precision >= 0.995
    assert recall >= 0.9


@pytest.mark.skipif(not SHARED.exists(), reason="the collection of real feeds is not beside the repository")
def test_real_articles_that_the_rules_were_not_made_with_are_told_apart_and_together() -> None:
    pairs = judged(held_out_pairs())
    assert sum(pair.same for pair, _, _ in pairs) >= 400
    precision, recall = measured(pairs)
    assert precision >= 0.995
    assert recall >= 0.9


def test_without_the_check_of_figures_later_states_would_be_merged(own: Judged) -> None:
    precision, _ = measured([(pair, without_figures(one), without_figures(other)) for pair, one, other in own])
    assert precision < 0.9


def test_with_all_figures_equal_reports_of_one_template_would_be_merged() -> None:
    def levelled(side: tuple[str, str]) -> tuple[str, str]:
        return re.sub(r"\d[\d,.]*", "0", side[0]), re.sub(r"\d[\d,.]*", "0", side[1])

    pairs = (replace(pair, one=levelled(pair.one), other=levelled(pair.other)) for pair in own_pairs())
    precision, _ = measured(judged(pairs))
    assert precision < 0.6


def test_every_pair_that_is_the_same_story_shares_a_band(own: Judged) -> None:
    missed = [
        pair.kind for pair, one, other in own if same_story(one, other) and set(one.bands).isdisjoint(other.bands)
    ]
    assert len(missed) <= sum(pair.same for pair, _, _ in own) // 200, missed


def test_a_text_too_short_to_tell_has_no_fingerprint() -> None:
    assert fingerprint("标题不算在内，无论它有多长" * 20, "<p>今天没有新闻。</p>") is None
    assert fingerprint("", "") is None


def test_what_an_outlet_puts_around_a_story_changes_nothing() -> None:
    article = own_articles()[0]
    around = f"<p>来源：南昌日报</p>{article.html}<p>（文章来源：南昌日报）</p><p>责任编辑：赵六</p>"
    around += "<p>版权声明：未经授权不得转载。</p>"
    assert fingerprint(article.title, around) == fingerprint(article.title, article.html)


def test_one_changed_figure_is_another_story_however_long_the_text() -> None:
    text = "".join(article.html for article in own_articles() if not article.latin)
    one, other = fingerprint("一周要闻", text), fingerprint("一周要闻", text.replace("2,917只", "3,004只"))
    assert one is not None
    assert other is not None
    assert same_story(one, one)
    assert not same_story(one, other)


def test_the_same_figure_in_another_spelling_is_no_change() -> None:
    html = own_articles()[7].html
    spelt = html.replace("1,200万", "1200万").replace("23.5亿", "２３.50亿").replace("8件", "八件")
    one, other = fingerprint("", html), fingerprint("", spelt)
    assert one is not None
    assert other is not None
    assert same_story(one, other)


def test_a_fingerprint_stays_small_for_a_book() -> None:
    book = fingerprint("全集", "".join(f"<p>第{n}章，{'天地玄黄宇宙洪荒'[n % 8 :]}{n * n}。</p>" for n in range(9_000)))
    assert book
    assert len(book.sketch) + len(book.figures) + 8 * len(book.bands) < 8_000


texts = st.one_of(
    st.text(max_size=400),
    st.text(alphabet="沪指涨跌报点万亿，。0123456789.%<p>-", min_size=100, max_size=300),
    st.lists(st.sampled_from([article.html for article in own_articles()]), min_size=1, max_size=3).map("".join),
)


@settings(max_examples=80)
@given(st.text(max_size=60), texts, st.text(max_size=60), texts)
def test_no_text_fails_and_the_verdict_is_symmetric(title: str, html: str, other_title: str, other_html: str) -> None:
    one, other = fingerprint(title, html), fingerprint(other_title, other_html)
    for each in (one, other):
        assert each is None or same_story(each, each)
    if one and other:
        assert same_story(one, other) == same_story(other, one)
