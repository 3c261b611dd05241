"""Puts what libFuzzer's merge has chosen into the kept inputs of a target. Inputs that have a name were put there by hand, as a
beginning or as what once went wrong: they stay.

usage: keep.py CHOSEN KEPT
"""

import pathlib
import re
import sys

FILES, BYTES = 200, 300_000

chosen, kept = map(pathlib.Path, sys.argv[1:])
named = [file for file in kept.iterdir() if not re.fullmatch("[0-9a-f]{40}", file.name)]
have = {file.read_bytes() for file in named}
for file in kept.iterdir():
    if file not in named:
        file.unlink()
count, size = len(named), sum(map(len, have))
left = 0
for file in sorted(chosen.iterdir(), key=lambda file: (file.stat().st_size, file.name)):
    content = file.read_bytes()
    if content in have:
        continue
    if count >= FILES or size + len(content) > BYTES:
        left += 1
        continue
    (kept / file.name).write_bytes(content)
    count, size = count + 1, size + len(content)
print(f"{kept.name:<14}{count:>5} inputs{size:>9} bytes" + (f"   {left} left out" if left else ""))
