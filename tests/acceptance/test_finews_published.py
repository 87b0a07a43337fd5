"""The site that this project began with: its posts, taken in as the past, are published validly and completely."""

from collections import Counter
from pathlib import Path
from typing import Any

from acceptance_checks import Formats, walked_atom, walked_json


def test_the_posts_of_the_first_site_are_published_in_valid_documents_down_to_the_oldest(
    workspace: Any, shared: Path
) -> None:
    site = 'rights = "© 金融消息"\nicon = "https://finews.example.org/icon.png"\n'
    workspace.configure("", site=site)
    few = workspace.config.read_text(encoding="utf-8").replace("[publish]", "[publish]\nentries = 2")
    workspace.config.write_text(few, encoding="utf-8")
    workspace.run("import-jekyll", str(shared / "finews"))
    code = workspace.rows("SELECT info_code FROM entry_channels ORDER BY archive, id LIMIT 1")[0]["info_code"]
    workspace.json("retract", code)
    files = {path: body for path, (_, body) in workspace.files().items()}
    assert Formats(shared / "standards").faults(files) == []
    assert f'deleted-entry ref="tag:finews.example.org,2026:{code}"'.encode() in files["feed.atom"]
    stored: dict[str, list[str]] = {}
    for row in workspace.rows("SELECT slug, info_code FROM entry_channels"):
        stored.setdefault(row["slug"], []).append(f"tag:finews.example.org,2026:{row['info_code']}")
    assert sum(map(len, stored.values())) > 15
    assert any("/archive-2.atom" in path for path in files)
    for slug, ids in stored.items():
        assert Counter(walked_atom(files, slug)) == Counter(walked_json(files, slug)) == Counter(ids)
