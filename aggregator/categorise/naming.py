"""Which categories an entry belongs to, and under which slug and title each is published."""

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field

from aggregator.records import Channel, Entry, RawPost, Source, StoredEntry
from aggregator.urls import fold_name, slug, slug_suffix

_MOST = 20  # channels that one entry may be in; a feed that tags everything with everything says nothing
_LONGEST_ADDITION = 8  # characters that a title may have behind its name


@dataclass(frozen=True, slots=True)
class Naming:
    """How channels are titled, and which are named by hand: slug → title, folded category name → slug."""

    title_format: str = "{name}"
    titles: Mapping[str, str] = field(default_factory=dict)
    slugs: Mapping[str, str] = field(default_factory=dict)


def categories_of(entry: Entry | StoredEntry, source: Source) -> tuple[str, ...]:
    """Give the category names of an entry: the source's fixed ones, then those that it takes from the entry.

    An entry that ends up with none belongs to a channel of its source's own name.
    """
    names = [*source.categories, *_taken_from(entry, source)]
    kept = {fold_name(name): name for name in reversed(names) if fold_name(name)}
    ordered = list(reversed(kept.values()))[:_MOST]
    return tuple(ordered) or (source.title or source.name,)


def reason_for(name: str, entry: Entry | StoredEntry, source: Source) -> str:
    """Say by which rule `categories_of` gives a name: category, outlet, tags, author, or name (the source's own)."""
    if fold_name(name) in {fold_name(each) for each in source.categories}:
        return "category"
    taken = {fold_name(each) for each in _taken_from(entry, source)}
    return source.category_from or "name" if fold_name(name) in taken else "name"


def _taken_from(entry: Entry | StoredEntry, source: Source) -> tuple[str, ...]:
    match source.category_from:
        case "outlet":
            return (entry.outlet,)
        case "author":
            return (entry.author,)
        case "tags":
            return entry.tags
        case None:
            return ()


def channel_for(name: str, naming: Naming, taken: Callable[[str], bool]) -> Channel:
    """Give the channel that a category name not met before opens, or joins where it is named by hand.

    `taken` tells whether a slug has a meaning already. Of different names whose slugs fall together the first has the
    plain slug, and the others one with a suffix that depends on the name alone.
    """
    by_hand = naming.slugs.get(fold_name(name))
    chosen = by_hand or slug(name)
    if not by_hand and (taken(chosen) or _belongs_to_another(chosen, name, naming)):
        chosen = f"{chosen}-{slug_suffix(name)}"
    return Channel(chosen, title_of(chosen, name, naming), name.strip())


def _belongs_to_another(chosen: str, name: str, naming: Naming) -> bool:
    """A slug that is named by hand for other names is not free."""
    names = [folded for folded, owner in naming.slugs.items() if owner == chosen]
    return bool(names) and fold_name(name) not in names


@dataclass(frozen=True, slots=True)
class PostNaming:
    """How the titles of channels, which posts carry as tags, become category names again: by the format, or as known.

    `names` maps folded titles to the names of the channels that have them; "" for one that no name fills.
    """

    title_format: str = "{name}"
    names: Mapping[str, str] = field(default_factory=dict)


def naming_of_posts(naming: Naming, channels: Iterable[Channel]) -> PostNaming:
    """Give how posts name channels, where these are open already."""
    by_hand = {fold_name(naming.titles[slug]): name for name, slug in naming.slugs.items() if slug in naming.titles}
    opened = {fold_name(channel.title): channel.name for channel in channels}
    return PostNaming(naming.title_format, by_hand | opened)


def names_of_post(post: RawPost, naming: PostNaming) -> dict[str, str]:
    """Give the category names of a post, each with what it said its address is made of.

    They come from its tags; only a post without any is named by its `categories`.
    """
    said = [slug(category) for category in post.categories]
    names = [_name_in(tag, frozenset(said), naming) for tag in post.entry.tags]
    if len(names) == len(said):
        return {name: address for name, address in zip(names, said, strict=True) if name}
    return {name: "" for name in names if name} or dict.fromkeys(post.categories, "")


def _name_in(tag: str, said: Container[str], naming: PostNaming) -> str:
    """南昌日报新闻 stands for 南昌日报: an open channel tells, or its address (nanchangribao), or the format."""
    if (known := naming.names.get(fold_name(tag))) is not None:
        return known
    for end in range(len(tag), max(len(tag) - _LONGEST_ADDITION, 1) - 1, -1):
        name = tag[:end].strip()
        if said and (slug(name) in said or f"{slug(name)}-{slug_suffix(name)}" in said):
            return name
    return _without_format(tag, naming.title_format)


def _without_format(title: str, title_format: str) -> str:
    before, after = title_format.split("{name}")
    return title.strip().removeprefix(before).removesuffix(after).strip() or title


def title_of(chosen: str, name: str, naming: Naming) -> str:
    """Give the title of a channel: by hand, or by the format; what the format adds is not added twice."""
    if chosen in naming.titles:
        return naming.titles[chosen]
    before, after = naming.title_format.split("{name}")
    name = name.strip()
    return f"{'' if name.startswith(before) else before}{name}{'' if name.endswith(after) else after}"
