"""The table, for the terminal and for README.md."""

from pathlib import Path

BEGIN, END = "<!-- results: written by Benchmarks/run --write -->", "<!-- end of results -->"
COLUMNS = ("figure", "floor", "switchboard", "ratio", "target", "")
LEFT = (0, 4)  # columns of words


def number(value: float | None, digits: int, unit: str = "") -> str:
    if value is None:
        return ""
    return f"{value:,.{digits}f}".replace(",", " ") + (f" {unit}" if unit else "")


def rows(result: dict) -> list[dict]:
    return [row for scenario in result["scenarios"] for row in scenario["rows"]]


def cells(row: dict) -> tuple[str, ...]:
    unit = "" if row["unit"] == "/s" else row["unit"]
    return (row["figure"], number(row["floor"], row["digits"], unit), number(row["switchboard"], row["digits"], unit),
            number(row["ratio"], 2), row["target"], row["verdict"])


def padded(line: tuple[str, ...], widths: list[int]) -> str:
    words = [cell.ljust(width) if i in LEFT else cell.rjust(width) for i, (cell, width) in enumerate(zip(line, widths))]
    return "  ".join(words).rstrip()


def terminal(result: dict) -> str:
    table = [COLUMNS, *(cells(row) for row in rows(result))]
    widths = [max(len(line[i]) for line in table) for i in range(len(COLUMNS))]
    lines = [padded(COLUMNS, widths)]
    for scenario in result["scenarios"]:
        lines += [padded(cells(row), widths) for row in scenario["rows"]]
        lines += [f"    {note}" for note in scenario["notes"]]
    return "\n".join(lines)


def markdown(result: dict) -> str:
    machine = result["machine"]
    lines = ["| figure | floor | switchboard | ratio to the floor | target | |", "|---|---:|---:|---:|---|---|"]
    lines += [f"| {' | '.join(cells(row))} |" for row in rows(result)]
    notes = [f"- {scenario['scenario']}: {note.splitlines()[0]}" for scenario in result["scenarios"] for note in scenario["notes"]]
    measured = (f"Measured on {result['date']}, commit `{machine['commit']}`, {machine['cores']} cores of {machine['cpu']}, "
                f"Linux {machine['kernel']}; median of {result['pairs']}.")
    return "\n".join([measured, "", *lines, *([""] if notes else []), *notes])


def write_readme(path: Path, result: dict) -> None:
    """Replaces what is between the two markers, and nothing else."""
    text = path.read_text()
    before, found_begin, rest = text.partition(BEGIN)
    _, found_end, after = rest.partition(END)
    if not found_begin or not found_end:
        raise ValueError(f"{path} lacks the markers of the results")
    path.write_text(f"{before}{BEGIN}\n\n{markdown(result)}\n\n{END}{after}")
