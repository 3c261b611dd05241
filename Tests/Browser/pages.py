"""The console's pages, as they are in its folder: one that is new is looked at as all others are."""

import cluster

FOLDER = cluster.ROOT / "Sources/SwitchboardServer/Console/Pages"
NAMES = sorted(file.stem for file in FOLDER.glob("*.html"))
# Those that are not called as their files are, or are about something.
ADDRESSES = {"overview": "", "client": "client?id=nobody", "rollout": "rollout?id=none"}
PAGES = [ADDRESSES.get(name, name) for name in NAMES]
