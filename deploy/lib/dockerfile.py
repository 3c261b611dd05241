"""What of a Dockerfile and a .dockerignore the check needs to know."""

import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path


class Problem(Exception):
    """A step that Docker would fail at, in words for the person who wrote it."""


@dataclass
class Instruction:
    word: str
    text: str
    line: int
    options: dict = field(default_factory=dict)
    arguments: list = field(default_factory=list)


@dataclass
class Stage:
    image: str
    name: str
    instructions: list = field(default_factory=list)


def read_stages(text):
    """The stages of a Dockerfile: continued lines joined, comments gone, options of COPY and the like apart."""
    stages = []
    for instruction in _instructions(text):
        if instruction.word == "FROM":
            words = instruction.arguments
            name = words[2] if len(words) == 3 and words[1].upper() == "AS" else str(len(stages))
            stages.append(Stage(words[0], name))
        elif instruction.word != "ARG" or stages:
            if not stages:
                raise Problem(f"line {instruction.line}: {instruction.word} before FROM")
            stages[-1].instructions.append(instruction)
    if not stages:
        raise Problem("no FROM")
    return stages


def _instructions(text):
    pending, start = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if not pending:
            start = number
        if line.rstrip().endswith("\\"):
            pending += line.rstrip()[:-1].strip() + " "
            continue
        word, _, rest = (pending + line.strip()).partition(" ")
        pending = ""
        instruction = Instruction(word.upper(), rest.strip(), start)
        if instruction.word in ("COPY", "FROM", "WORKDIR"):
            for part in shlex.split(instruction.text):
                option = re.fullmatch(r"--([a-z]+)=(.*)", part)
                if option:
                    instruction.options[option[1]] = option[2]
                else:
                    instruction.arguments.append(part)
        yield instruction


def _pattern(text):
    """A regular expression for a .dockerignore pattern: it matches the path itself and all below it."""
    expression = ""
    for part in re.findall(r"\*\*/|\*\*|\*|\?|\[[^]]*\]|.", text):
        special = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
        expression += special.get(part) or (part if part.startswith("[") else re.escape(part))
    return re.compile(f"{expression}(?:/.*)?")


def ignored(rules, path):
    """Whether .dockerignore leaves the path out: the last rule that matches decides."""
    answer = False
    for leave_out, pattern in rules:
        if pattern.fullmatch(path):
            answer = leave_out
    return answer


def read_rules(text):
    rules = []
    for line in text.splitlines():
        line = line.strip()
        if line and not line.startswith("#"):
            rules.append((not line.startswith("!"), _pattern(line.lstrip("!").strip("/"))))
    return rules


def copy_context(root, target):
    """Copies what Docker would get as build context from a clean clone; returns the number of files.

    Files that git ignores are left out: a build must not depend on what happens to lie about on one machine.
    """
    rules = read_rules((root / ".dockerignore").read_text())
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root, check=True, capture_output=True, text=True,
    ).stdout
    count = 0
    for path in filter(None, listed.split("\0")):
        source = root / path
        if ignored(rules, path) or not (source.is_file() or source.is_symlink()):
            continue
        destination = target / path
        destination.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, destination, follow_symlinks=False)
        count += 1
    if count == 0:
        raise Problem(".dockerignore lets nothing through")
    return count
