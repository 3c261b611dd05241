"""The commands of deploy/lab."""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from . import Failure, control, images, kernel, launcher, processes

USAGE = """deploy/lab [--name LAB] COMMAND ...

Starts the services of docker-compose.yml without Docker: each container is local programs in namespaces of their own,
with an address on a network that only the lab knows. Several labs can be there at once, by name. Needs root.
"""


def main():
    options = _parser().parse_args()
    try:
        if os.geteuid() != 0:
            raise Failure("namespaces need root: sudo -E deploy/lab ...")
        sys.exit(options.do(options) or 0)
    except Failure as failure:
        sys.exit(f"deploy/lab: {failure}")
    except KeyboardInterrupt:
        sys.exit(130)


def _parser():
    parser = argparse.ArgumentParser(prog="deploy/lab", description=USAGE, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", type=_name, default=os.environ.get("SWITCHBOARD_LAB", "switchboard"),
                        help="of the lab (default: %(default)s)")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(name, do, about, *arguments, **defaults):
        sub = commands.add_parser(name, help=about, description=about)
        for names, settings in arguments:
            sub.add_argument(*names, **settings)
        sub.set_defaults(do=do, **defaults)

    target = (["target"], {"metavar": "SERVICE[-NUMBER]"})
    container = (["target"], {"metavar": "NAME"})
    grace = (["--timeout"], {"type": float, "metavar": "SECONDS", "help": "grace for each container instead of its own; 0 kills"})
    other = (["--from"], {"dest": "other", "metavar": "OTHER", "help": "only between these two; a container or a service"})
    command("up", _up, "start everything and stay until Ctrl-C",
            (["--file"], {"default": images.ROOT / "docker-compose.yml", "type": Path}),
            (["--scale"], {"action": "append", "default": [], "type": _count, "metavar": "SERVICE=COUNT"}),
            (["--profile"], {"action": "append", "default": []}),
            (["--detach"], {"action": "store_true", "help": "return when everything is healthy; `down` ends it"}),
            (["--no-publish"], {"action": "store_true", "help": "open no ports on this machine"}), grace)
    command("down", _down, "stop everything", grace, (["--all"], {"action": "store_true", "help": "every lab of this machine"}))
    command("ps", _ps, "containers and how they are", (["--json"], {"action": "store_true"}))
    command("scale", _scale, "more or fewer containers of a service", (["count"], {"type": _count, "metavar": "SERVICE=COUNT"}))
    command("roll", _on_target("roll"), "restart the containers of a service one after the other, each until it is healthy", target)
    command("restart", _on_target("restart"), "restart all at once", target)
    command("start", _on_target("start"), "start again what was stopped or killed", target)
    command("stop", _stop, "stop orderly; it stays down", target, grace)
    command("kill", _kill, "send a signal; it stays down if that ends it", target,
            (["-s", "--signal"], {"default": "KILL"}), (["-9"], {"dest": "signal", "action": "store_const", "const": "KILL"}))
    command("crash", _on_target("crash"), "end it as if its program had crashed: the file's restart policy applies", target)
    command("cut", _cut, "cut it off: packets are dropped without a word, or rejected", target, other,
            (["--drop"], {"dest": "how", "action": "store_const", "const": "drop", "default": "drop"}),
            (["--reject"], {"dest": "how", "action": "store_const", "const": "reject"}))
    command("heal", _heal, "take back cuts", target, other)
    command("rate", _rate, "limit its network in each direction", target, (["rate"], {"metavar": "1mbit|off"}))
    command("host", _host, "a container without a service, on this machine's programs: it waits, or runs a command", container,
            (["words"], {"nargs": argparse.REMAINDER, "metavar": "COMMAND"}))
    command("remove", _on_target("remove"), "take such a one away", container)
    command("exec", _exec, "run a program in a container", container, (["words"], {"nargs": argparse.REMAINDER, "metavar": "COMMAND"}),
            (["--user"], {}))
    command("logs", _logs, "what containers have printed; of all, and of the lab itself, without a name",
            (["target"], {"nargs": "?", "metavar": "SERVICE[-NUMBER]"}), (["-f", "--follow"], {"action": "store_true"}))
    return parser


def _name(text):
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,40}", text):
        raise argparse.ArgumentTypeError("small letters, digits, - and _, at most 41")
    return text


def _count(text):
    name, equals, count = text.partition("=")
    if not (equals and count.isdigit() and int(count) <= 500):
        raise argparse.ArgumentTypeError(f"{text!r} is not SERVICE=COUNT")
    return name, int(count)


def _folder(name):
    return Path(os.environ.get("SWITCHBOARD_RUN") or images.ROOT / ".run/lab").resolve() / name


def _up(options):
    if options.detach:
        return _detach(options)
    return launcher.launch(options.name, _folder(options.name), options.file, options.profile, dict(options.scale),
                           not options.no_publish, options.timeout)


def _detach(options):
    arguments = [argument for argument in sys.argv[1:] if argument != "--detach"]
    if options.name in control.running():
        raise Failure(f"the lab {options.name} is running already")
    folder = _folder(options.name)
    folder.parent.mkdir(parents=True, exist_ok=True)
    output = folder.with_suffix(".out")
    with output.open("wb") as file:
        process = subprocess.Popen([sys.executable, "-B", sys.argv[0], *arguments], stdin=subprocess.DEVNULL, stdout=file,
                                   stderr=subprocess.STDOUT, start_new_session=True)
    try:
        while process.poll() is None and options.name not in control.running():
            time.sleep(0.02)  # a name that appears tells nobody
        control.Client(options.name).ask("wait")
    except Failure as failure:
        process.wait()
        raise Failure("it did not come up:\n" + output.read_text(errors="replace").strip()) from failure
    except KeyboardInterrupt:
        process.terminate()
        raise
    print(output.read_text(errors="replace"), end="")


def _down(options):
    names = control.running() if options.all else [options.name]
    for name in names:
        client = control.Client(name)
        if not (client.ask_for_end(options.timeout) and client.await_end(5)):
            client.kill()
            client.await_end(None)


def _ps(options):
    containers = control.Client(options.name).ask("ps")
    if options.json:
        print(json.dumps(containers))
        return
    rows = [("NAME", "STATE", "ADDRESS", "PROCESS", "UP", "RESTARTS", "FAULTS")]
    for shown in containers:
        state = shown["health"] or shown["state"]
        if shown["ended"]:
            state += f" ({shown['ended']})"
        faults = [*shown["cuts"], *([shown["rate"]] if shown["rate"] else [])]
        up = f"{shown['seconds']:.0f} s" if shown["seconds"] is not None else ""
        rows.append((shown["name"], state, shown["address"], str(shown["process"] or ""), up, str(shown["restarts"]), ", ".join(faults)))
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip())


def _on_target(command):
    return lambda options: control.Client(options.name).ask(command, name=options.target)


def _scale(options):
    name, count = options.count
    control.Client(options.name).ask("scale", name=name, count=count)


def _stop(options):
    control.Client(options.name).ask("stop", name=options.target, grace=options.timeout)


def _kill(options):
    control.Client(options.name).ask("kill", name=options.target, number=options.signal)


def _cut(options):
    control.Client(options.name).ask("cut", name=options.target, how=options.how, other=options.other)


def _heal(options):
    control.Client(options.name).ask("heal", name=options.target, other=options.other)


def _rate(options):
    control.Client(options.name).ask("rate", name=options.target, rate=options.rate)


def _host(options):
    command = options.words or ["sleep", "infinity"]
    control.Client(options.name).ask("host", name=_name(options.target), command=command, environment=dict(os.environ))


def _exec(options):
    if not options.words:
        raise Failure("exec needs a command")
    entrance = control.Client(options.name).ask("entrance", name=options.target)
    environment = {**entrance["environment"], **{name: os.environ[name] for name in ("TERM",) if name in os.environ}}
    program = processes.Program(options.words, environment, options.user or entrance["user"], entrance["folder"],
                                entrance["limits"])
    processes.enter(entrance["process"], ["net", "uts", "ipc", "pid", "mnt"])
    process = os.fork()
    if process == 0:
        try:
            kernel.die_with_parent(signal.SIGKILL)
            program.become()
        except Exception as error:
            os.write(2, f"deploy/lab: {error}\n".encode())
        finally:
            os._exit(127)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is for the program, which has the terminal
    signal.signal(signal.SIGTERM, lambda *_: os.kill(process, signal.SIGTERM))
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    return code if code >= 0 else 128 - code


def _logs(options):
    if options.target:
        files = control.Client(options.name).ask("logs", name=options.target)
    else:
        files = sorted(map(str, [*_folder(options.name).glob("logs/*.log"), *_folder(options.name).glob("events.log")]))
    if not files:
        raise Failure(f"there are no logs in {_folder(options.name)}")
    os.execvp("tail", ["tail", "--lines=+1", *(["-F"] if options.follow else []), *files])
