"""Certificates that cannot be used, and those that are replaced while the node runs."""

import json
import os
import signal
import socket
import ssl
import time

import pytest
from certificates import Pair, openssl
from services import client, command, eventually, joined


def serve(*flags):
    """What a start that must fail says."""
    status, output, errors = command("serve", "--port", "0", *flags, check=False)
    assert status == 64 and output == "", (status, output, errors)
    lines = errors.splitlines()
    assert len(lines) == 1, errors
    return lines[0].removeprefix("switchboard: ")


def serial(port) -> int:
    """Of the certificate that a new connection gets."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port), timeout=60) as plain, context.wrap_socket(plain) as secure:
        der = secure.getpeercert(binary_form=True)
    return int(openssl("x509", "-inform", "DER", "-noout", "-serial", data=der).decode().strip().split("=")[1], 16)


def serial_of(pair: Pair) -> int:
    return int(openssl("x509", "-in", pair.certificate, "-noout", "-serial").decode().strip().split("=")[1], 16)


# MARK: The start


def test_the_start_names_what_is_wrong(authority, pair, tmp_path):
    other = authority.issue("other")
    expired = authority.issue("expired", begins=-10, ends=-1)
    future = authority.issue("future", begins=1)
    encrypted = tmp_path / "encrypted.key"
    openssl("pkey", "-in", pair.key, "-aes128", "-passout", "pass:secret", "-out", encrypted)
    garbage = tmp_path / "garbage"
    garbage.write_text("-----BEGIN CERTIFICATE-----\nxxxx\n-----END CERTIFICATE-----\n")
    reversed_chain = tmp_path / "reversed.pem"
    reversed_chain.write_bytes(authority.certificate.read_bytes() + pair.certificate.read_bytes())
    cases = [
        (pair.certificate, other.key, f"tlsKey: the key in '{other.key}' does not belong to the first certificate in "
                                      f"'{pair.certificate}'"),
        (reversed_chain, pair.key, f"tlsKey: the key in '{pair.key}' does not belong to the first certificate in "
                                   f"'{reversed_chain}'"),
        ("/no/such", pair.key, "tlsCertificate: cannot read '/no/such': No such file or directory"),
        (pair.certificate, "/no/such", "tlsKey: cannot read '/no/such': No such file or directory"),
        (tmp_path, pair.key, f"tlsCertificate: cannot read '{tmp_path}': Is a directory"),
        (pair.key, pair.key, f"tlsCertificate: '{pair.key}' holds no certificate in PEM that can be read"),
        (garbage, pair.key, f"tlsCertificate: '{garbage}' holds no certificate in PEM that can be read"),
        (pair.certificate, pair.certificate, f"tlsKey: '{pair.certificate}' holds no private key in PEM"),
        (pair.certificate, encrypted, f"tlsKey: the key in '{encrypted}' is encrypted: store it without a passphrase"),
    ]
    for certificate, key, expected in cases:
        assert serve("--tls-certificate", certificate, "--tls-key", key) == expected
    assert serve(*expired.flags).startswith(f"tlsCertificate: '{expired.certificate}' expired at 20")
    assert serve(*future.flags).startswith(f"tlsCertificate: '{future.certificate}' is not valid before 20")
    for flag, setting in (("--tls-certificate", "tlsCertificate"), ("--tls-key", "tlsKey")):
        assert serve(flag, pair.key).startswith(f"{setting} does nothing without ")


def test_the_certificates_of_redis_are_read_at_the_start(authority, tmp_path):
    url = "rediss://127.0.0.1:1"
    assert serve("--redis", url, "--redis-ca", "/no/such") == "redisCA: cannot read '/no/such': No such file or directory"
    empty = tmp_path / "empty.pem"
    empty.touch()
    assert serve("--redis", url, "--redis-ca", empty) == f"redisCA: '{empty}' holds no certificate in PEM that can be read"
    plain = serve("--redis", "redis://127.0.0.1:1", "--redis-ca", authority.certificate)
    assert plain == "redisCA: it does nothing without rediss in the Redis URL: give both or neither"


# MARK: Renewal


@pytest.fixture
def served(authority):
    """A pair whose files are replaced."""
    return authority.issue(f"served-{time.monotonic_ns()}")


@pytest.mark.parametrize("way", ["the signal", "the clock"])
def test_new_connections_get_the_new_certificate(start, authority, served, trust, way):
    node = start(*served.flags, "--tls-reload-interval", "0.2" if way == "the clock" else "0")
    first = serial_of(served)
    assert serial(node.port) == first
    with client(node, "old", trust) as old:
        joined(node, "old", old, trust)
        new = authority.issue("new", ends=60)
        new.take_the_place_of(served)
        if way == "the signal":
            assert serial(node.port) == first
            node.process.send_signal(signal.SIGHUP)
        node.says("the TLS certificate was read again")
        assert serial(node.port) == serial_of(new) != first
        # Who was connected before goes on with what was agreed on then.
        assert node.push("old", b"still here", trust)["delivered"] == 1
        assert old.recv(60) == "still here"
        expiry = node.metric("switchboard_tls_certificate_expiry_timestamp_seconds", trust)
        assert expiry == new.expires
        assert node.metric("switchboard_tls_certificate_stale", trust) == 0


def test_a_bad_pair_keeps_the_old_one_and_is_told_once(start, authority, served, trust):
    node = start(*served.flags, "--tls-reload-interval", "0.1")
    first = serial_of(served)
    kept = served.key.read_bytes()
    served.key.write_bytes(authority.issue("stranger").key.read_bytes())
    node.says("the TLS certificate stays as it was")
    # Some more looks at the same files.
    time.sleep(1)
    assert node.output.count("the TLS certificate stays as it was") == 1
    assert "does not belong to the first certificate" in node.output and "PRIVATE KEY" not in node.output
    assert serial(node.port) == first
    assert node.metric("switchboard_tls_certificate_stale", trust) == 1
    # An operator who asks again is told again.
    node.process.send_signal(signal.SIGHUP)
    node.says("the TLS certificate stays as it was", times=2)
    os.rename(served.certificate, served.certificate.with_suffix(".away"))
    node.says("cannot read '" + str(served.certificate))
    assert serial(node.port) == first
    os.rename(served.certificate.with_suffix(".away"), served.certificate)
    served.key.write_bytes(kept)
    node.says("the TLS certificate was read again")
    assert node.metric("switchboard_tls_certificate_stale", trust) == 0


def test_links_that_are_switched_are_followed(start, authority, tmp_path):
    """As Kubernetes and certbot renew: the path is a link to files that never change."""
    pairs = [authority.issue(f"linked-{number}") for number in range(2)]
    for number, pair in enumerate(pairs):
        (tmp_path / str(number)).mkdir()
        pair.certificate.rename(tmp_path / str(number) / "tls.crt")
        pair.key.rename(tmp_path / str(number) / "tls.key")
    live = tmp_path / "live"
    live.symlink_to("0")
    node = start("--tls-certificate", live / "tls.crt", "--tls-key", live / "tls.key", "--tls-reload-interval", "0.1")
    first = serial(node.port)
    (tmp_path / "next").symlink_to("1")
    (tmp_path / "next").rename(live)
    eventually(lambda: serial(node.port) != first, what="the other certificate is shown")


def test_a_node_without_files_is_ended_by_the_signal(start):
    """As ever: nothing is there that could be read again."""
    # Under nohup the signal is ignored, and what is ignored stays so in a child.
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        node = start()
    finally:
        signal.signal(signal.SIGHUP, before)
    node.process.send_signal(signal.SIGHUP)
    assert node.process.wait(60) == -signal.SIGHUP


# MARK: Doctor


def test_the_doctor_looks_at_certificate_and_key(authority, pair):
    def findings(*flags):
        _, output, _ = command("doctor", "--json", "--max-connections", "100", *flags, check=False)
        return {finding["check"]: finding for finding in json.loads(output)["checks"]}

    assert "tls.certificate" not in findings()
    good = findings(*pair.flags)
    assert (good["tls.certificate"]["state"], good["tls.key"]["state"]) == ("ok", "ok")
    soon = findings(*authority.issue("soon", ends=5).flags)["tls.certificate"]
    assert soon["state"] == "problem" and "renew" in soon["advice"]
    gone = findings(*authority.issue("gone", begins=-9, ends=-1).flags)["tls.certificate"]
    assert gone["state"] == "problem" and "expired at" in gone["found"]
    loose = authority.issue("loose")
    loose.key.chmod(0o644)
    assert findings(*loose.flags)["tls.key"]["state"] == "problem"
    redis = findings("--redis", "rediss://127.0.0.1:1", "--redis-ca", "/no/such")["redis.ca"]
    assert redis["state"] == "problem"
