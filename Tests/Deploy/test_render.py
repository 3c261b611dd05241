"""nginx/render: what it makes is understood by the nginx it is made for, under every shell that may run it."""

import re
import subprocess

import pytest
import yaml
from support import ROOT, render, system_nginx


def accepts(program, configuration, folder):
    path = folder / "nginx.conf"
    path.write_text(configuration)
    result = subprocess.run([program, "-t", "-p", folder, "-c", path, "-e", "stderr"], capture_output=True, text=True)
    assert result.returncode == 0 and "[warn]" not in result.stderr, result.stderr


def places(folder):
    return ["--logs", folder, "--state", folder]


def test_local(tmp_path):
    text = render("--listen", "127.0.0.1:18080", "--node", "127.0.0.1:9001", "--node", "127.0.0.1:9002", *places(tmp_path))
    assert re.findall(r"server (127\S+) max_fails", text) == ["127.0.0.1:9001", "127.0.0.1:9002"] * 2
    assert "@" not in "".join(line for line in text.splitlines() if "#" not in line).replace("@too_large", "").replace("@unavailable", "")
    accepts(system_nginx(), text, tmp_path)


def test_local_by_a_new_nginx(new_nginx, tmp_path):
    text = render("--nginx", new_nginx, "--listen", "127.0.0.1:18080", "--node", "127.0.0.1:9001", *places(tmp_path))
    accepts(new_nginx, text, tmp_path)


def test_compose(new_nginx, tmp_path):
    text = render("--nginx", new_nginx, "--listen", "18080", "--node", "node:8080", "--resolver", "127.0.0.11", *places(tmp_path))
    assert text.count("server node:8080 resolve ") == 2
    accepts(new_nginx, text, tmp_path)


def test_the_script_of_compose_renders_the_same(new_nginx, tmp_path):
    """Runs the very script of docker-compose.yml, with the paths of the container moved below a folder."""
    script = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["nginx"]["command"][2]
    script = script.replace("$$", "$").replace("/switchboard/", f"{ROOT}/nginx/").replace("/etc/nginx", str(tmp_path))
    script = script.replace("exec nginx", "").replace("sh /", f"dash /").replace("--user nginx", f"--nginx {new_nginx}")
    subprocess.run(["dash", "-ec", script], check=True)
    wanted = render("--nginx", new_nginx, "--listen", 8080, "--node", "node:8080", "--resolver", "127.0.0.11")
    assert (tmp_path / "nginx.conf").read_text() == wanted


def test_tls(any_nginx, tmp_path):
    key, certificate = tmp_path / "tls.key", tmp_path / "tls.crt"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "1",
                    "-keyout", key, "-out", certificate], check=True, capture_output=True)
    arguments = ["--nginx", any_nginx, "--listen", "127.0.0.1:18080", "--node", "127.0.0.1:9001", *places(tmp_path)]
    assert "ssl_certificate" not in render(*arguments)
    text = render(*arguments, "--tls", certificate, key, "--listen-tls", "127.0.0.1:18443")
    assert "listen 127.0.0.1:18443 ssl" in text
    accepts(any_nginx, text, tmp_path)


@pytest.mark.parametrize("arguments, message", [
    (["--node", "a:1"], "--listen is missing"),
    (["--listen", "1"], "--node is missing"),
    (["--listen"], "--listen needs a value"),
    (["--listen", "1", "--node", "a:1", "--colour", "red"], "unknown argument: --colour"),
    (["--listen", "1", "--node", "a:1", "--nginx", "/nonexistent"], "cannot run /nonexistent"),
])
def test_wrong_use_is_told(arguments, message):
    result = subprocess.run([ROOT / "nginx/render", *arguments], capture_output=True, text=True)
    assert result.returncode != 0 and result.stdout == "" and message in result.stderr


def test_following_names_is_refused_where_nginx_cannot(tmp_path):
    old = tmp_path / "nginx"
    old.write_text("#!/bin/sh\necho 'nginx version: nginx/1.27.2' >&2\n")
    old.chmod(0o755)
    command = [ROOT / "nginx/render", "--listen", "1", "--node", "a:1", "--resolver", "127.0.0.11", "--nginx", old]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode != 0 and "needs nginx 1.27.3 or newer (this is 1.27.2)" in result.stderr
