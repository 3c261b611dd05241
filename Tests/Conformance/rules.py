"""Every test says which rule of the contract it proves; `run --list` prints the table."""

import ast
import pathlib
import textwrap

import pytest

FOLDER = pathlib.Path(__file__).resolve().parent
HALVES = {"node": "Rules that bind a node", "agent": "Rules that bind an agent"}


def rule(text: str):
    """Marks a test with the sentence that it proves."""
    return pytest.mark.rule(text)


def table(half: str) -> list[tuple[str, str]]:
    """Rule and test of every test in `half`, in the order of the files; read from the sources, nothing is started."""
    rows = []
    for file in sorted((FOLDER / half).glob("test_*.py")):
        for item in ast.parse(file.read_text()).body:
            if isinstance(item, (ast.FunctionDef, ast.AsyncFunctionDef)) and item.name.startswith("test_"):
                rows.append((_sentence(item), f"{half}/{file.name}::{item.name}"))
    return rows


def _sentence(function) -> str:
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and getattr(decorator.func, "id", "") == "rule":
            return ast.literal_eval(decorator.args[0])
    raise SystemExit(f"{function.name} names no rule")


def show() -> None:
    for half, title in HALVES.items():
        rows = table(half)
        print(f"{title} ({len(rows)})\n")
        for sentence, test in rows:
            lines = textwrap.wrap(sentence, 76)
            print(f"  {lines[0]:<78}{test.split('/', 1)[1]}")
            for line in lines[1:]:
                print(f"  {line}")
        print()
