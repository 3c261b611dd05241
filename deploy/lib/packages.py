"""Debian packages: do those exist that the Dockerfile installs, and do they hold what the executable links to?"""

import re
import shlex
import subprocess
from pathlib import Path

from dockerfile import Problem


def _output(*command):
    result = subprocess.run(command, capture_output=True, text=True)
    return result.stdout if result.returncode == 0 else None


def packages_installed_by(text):
    """The package names of the `apt-get install` in a RUN line."""
    for command in re.split(r"&&|;|\|\|", text):
        words = shlex.split(command)
        if words[:1] == ["apt-get"] and "install" in words:
            return [word for word in words[words.index("install") + 1:] if not word.startswith("-")]
    return []


def check_packages(packages, line):
    unknown = [package for package in packages if not _output("apt-cache", "show", package)]
    if unknown:
        raise Problem(f"line {line}: no such Debian package: {' '.join(unknown)}")


def _with_dependencies(packages):
    if not packages:
        return set()
    listing = _output(
        "apt-cache", "depends", "--recurse", "--no-recommends", "--no-suggests", "--no-conflicts", "--no-breaks",
        "--no-replaces", "--no-enhances", *packages,
    )
    if listing is None:
        raise Problem("apt-cache cannot tell what the packages depend on")
    return set(re.findall(r"^(\w[\w.+-]*)", listing, re.MULTILINE))


def _in_slim_image():
    """What debian:*-slim holds: the packages marked essential or required, apt, and what these need."""
    listing = _output("dpkg-query", "-W", "-f", "${Package} ${Essential} ${Priority}\n") or ""
    base = [line.split()[0] for line in listing.splitlines() if line.endswith("required") or " yes " in line]
    return _with_dependencies([*base, "apt"])


def _package_of(library):
    """dpkg knows a library by the path it was installed to, /lib or /usr/lib, whichever ldd shows."""
    real = Path(library).resolve()
    for path in {str(library), str(real), "/usr" + str(library), str(real).removeprefix("/usr")}:
        owner = _output("dpkg", "-S", path)
        if owner:
            return owner.split(":")[0]
    return None


SWIFT = re.compile(r"lib(swift|dispatch|BlocksRuntime|_?Foundation)")


def check_libraries(binary, stage, static_swift):
    """Yields a line for each package that serves the executable; a library that nothing in the stage holds is a Problem."""
    listing = _output("ldd", str(binary))
    if listing is None:
        raise Problem(f"ldd cannot read {binary}")
    wanted = [package for i in stage.instructions if i.word == "RUN" for package in packages_installed_by(i.text)]
    held = _with_dependencies(wanted) | _in_slim_image()
    used = {}
    for line in listing.splitlines():
        name, _, rest = line.strip().partition(" => ")
        if SWIFT.match(name) and static_swift:
            continue  # linked in by --static-swift-stdlib, if not in this executable
        if rest.startswith("not found"):
            raise Problem(f"{binary} needs {name}, which is not on this machine")
        path = rest.split(" (")[0] if rest else name.split(" (")[0]
        if not path.startswith("/"):
            continue  # the kernel's own
        package = _package_of(path)
        if package not in held:
            raise Problem(f"{binary} needs {name} of {package or 'no package'}, which the last stage does not install")
        used.setdefault(package, []).append(Path(path).name)
    for package, libraries in sorted(used.items()):
        yield f"{package}: {' '.join(libraries)}"
