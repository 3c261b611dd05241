"""Following logs: what agents read from files, through three nodes, into a page that must not freeze."""

import json
import threading
import time

LINES_A_SECOND = 5000
SECONDS = 10

# How long the page did not draw, and what it kept; run for some seconds beside the flood.
WATCH_FRAMES = """
const [seconds] = arguments;
return new Promise((resolve) => {
  const gaps = [];
  let last = performance.now();
  const end = last + seconds * 1000;
  const step = (now) => {
    gaps.push(now - last);
    last = now;
    if (now < end) requestAnimationFrame(step);
    else {
      gaps.sort((one, other) => one - other);
      resolve({ frames: gaps.length, longest: gaps.at(-1), usual: gaps[gaps.length >> 1], elements: document.querySelectorAll('*').length,
                heap: performance.memory.usedJSHeapSize });
    }
  };
  requestAnimationFrame(step);
});"""


def lines(page) -> list[str]:
    return page.run("""return [...document.querySelectorAll('.log-line:not([hidden])')]
        .map((row) => [row.style.transform.match(/[\\d.]+/)?.[0] ?? 0, row.innerText])
        .sort(([one], [other]) => one - other).map(([, text]) => text);""")


def shows(page, text: str, seconds: float = 15) -> None:
    page.wait(lambda: any(text in line for line in lines(page)), f"the line {text!r} shows", seconds)


def number(text: str) -> int:
    return int("".join(character for character in text if character.isdigit()) or 0)


def test_follow_search_and_pause(cluster, page, name, tmp_path, picture):
    first, second = f"log:web-{name}", f"log:db-{name}"
    files = [tmp_path / "web.log", tmp_path / "db.log"]
    for file in files:
        file.touch()
    streams = ["--follow", files[0], "--stream", first, "--follow", files[1], "--stream", second]
    with cluster.agent(name, *streams, "--durable", "--quiet", "--health-interval", "0"):
        with files[1].open("a") as file:
            file.write("INFO the table is there\n")
        # What was said durably before anybody looks is the history of the stream.
        before = {"lines": [{"at": 1_700_000_000_000, "text": "INFO before the page"}], "source": "backend"}
        assert cluster.ask("POST", "/v1/push", {"to": {"group": first}, "data": before, "durable": True})[0] in (200, 202)
        page.go("logs")
        page.find("#stream").write(first)
        page.find("#add-stream").click()
        shows(page, "before the page")
        page.find("#stream").write(second)
        page.find("#add-stream").click()
        page.find(f'#streams [data-stream="{second}"]')
        shows(page, "the table is there")
        with files[0].open("a") as file:
            file.write("ERROR the disk is full\nINFO all is well\n")
        with files[1].open("a") as file:
            file.write("WARN slow query of table kiosk\n")
        for text in ("the disk is full", "all is well", "slow query"):
            shows(page, text)
        assert page.run("return document.querySelectorAll('.log-line.level-error').length") == 1
        picture(page, "logs")

        page.find("#search").write("kiosk")
        page.wait(lambda: len(lines(page)) == 1, "only the line that was searched for")
        assert page.find("#lines mark").text == "kiosk"
        page.find("#search").write("/disk.*full/")
        page.wait(lambda: len(lines(page)) == 1 and "disk" in lines(page)[0], "a pattern finds")
        page.run("const box = document.querySelector('#search'); box.value = ''; box.dispatchEvent(new Event('input'));")
        page.find("#level").choose("errors")
        page.wait(lambda: len(lines(page)) == 1, "errors only")
        page.find("#level").choose("all")
        page.wait(lambda: len(lines(page)) == 5, "all of them")
        page.find(f'[aria-label="Show {second}"]').click()
        page.wait(lambda: len(lines(page)) == 3, "one stream is hidden")

        page.find("#pause").click()
        with files[0].open("a") as file:
            file.write("INFO while it was paused\n")
        page.wait(lambda: number(page.find("#kept").text) == 6, "it is kept though it does not show")
        assert not any("while it was paused" in line for line in lines(page))
        page.find("#pause").click()
        shows(page, "while it was paused")
        # The page is found again as it was.
        page.reload()
        page.find(f'#streams [data-stream="{second}"]')
        shows(page, "before the page")


def test_a_flood_of_lines_does_not_freeze_the_page(cluster, page, name, tmp_path, record_property):
    stream, file = f"log:flood-{name}", tmp_path / "flood.log"
    file.touch()
    total = LINES_A_SECOND * SECONDS
    with cluster.agent(name, "--follow", file, "--stream", stream, "--quiet", "--health-interval", "0") as agent:
        page.go(f"logs?stream={stream}")
        page.find("#connection", "connected")
        before = [node.memory for node in cluster.nodes]
        agent_before = agent.memory

        def flood():
            with file.open("a", buffering=1 << 16) as log:
                start = time.monotonic()
                for tenth in range(SECONDS * 10):
                    count = LINES_A_SECOND // 10
                    log.writelines(
                        f"INFO request {tenth * count + index} GET /orders/{index} took {index % 90} ms on till-{tenth}\n"
                        for index in range(count)
                    )
                    log.flush()
                    time.sleep(max(0, start + (tenth + 1) / 10 - time.monotonic()))
                log.write("INFO the end of the flood\n")

        writer = threading.Thread(target=flood)
        writer.start()
        seen = page.run(WATCH_FRAMES, SECONDS - 2)
        writer.join()
        shows(page, "the end of the flood", 30)
        kept, skipped = number(page.find("#kept").text), page.run("return {...document.querySelector('#skipped').dataset};")
        grown = [node.memory - start for node, start in zip(cluster.nodes, before)]
        report = seen | {"kept": kept, "skipped": skipped, "nodes": grown, "agent": agent.memory - agent_before, "lines": total}
        record_property("flood", json.dumps(report))
        print(json.dumps(report))
        assert seen["usual"] < 100 and seen["longest"] < 1000, report
        assert seen["elements"] < 1500, report
        assert kept <= 6000, report
        assert max(grown) < 64 << 20, report
        assert agent.memory - agent_before < 64 << 20, report


def test_what_the_page_is_too_slow_for_is_counted(cluster, page, name, tmp_path):
    """A page that stands still for some seconds: it goes on with the newest, and says what is missing."""
    stream, file = f"log:slow-{name}", tmp_path / "slow.log"
    file.touch()
    with cluster.agent(name, "--follow", file, "--stream", stream, "--quiet", "--health-interval", "0"):
        page.go(f"logs?stream={stream}")
        page.find("#connection", "connected")
        stop = threading.Event()

        def flood():
            with file.open("a") as log:
                while not stop.wait(0.1):
                    log.write(("INFO " + "x" * 995 + "\n") * 500)
                    log.flush()

        writer = threading.Thread(target=flood)
        writer.start()
        try:
            page.run("const end = performance.now() + 6000; while (performance.now() < end);")
            page.find("#skipped", "skipped", seconds=30)
        finally:
            stop.set()
            writer.join()
        page.find("#connection", "connected")
