"""Every error that can be provoked from outside, with its status and its problem document.

Push routes are tried with Content-Length and with chunked encoding, because two code paths answer them.
"""

import json
import pathlib
import re
import time

import pytest

import processes
import wire
from problems import STATUS, expect, expect_counts

ALL = b'{"to":{"all":true},'
ONE = b'{"to":{"client":"nobody"},'
LIMIT = 256 * 1024
EVENTS = {"Accept": "text/event-stream"}

PUSHES = {
    "empty body": (b"", "malformed_json"),
    "white space": (b" \r\n\t", "malformed_json"),
    "cut short": (b'{"to":{"all":true},"text":"x"', "malformed_json"),
    "not an object": (b'[{"to":{"all":true},"text":"x"}]', "malformed_json"),
    "a string": (b'"x"', "malformed_json"),
    "something behind it": (ALL + b'"text":"x"} {}', "malformed_json"),
    "comma behind the last member": (ALL + b'"text":"x",}', "malformed_json"),
    "comment": (ALL + b'"text":"x"/* */}', "malformed_json"),
    "single quotes": (b"{'to':{'all':true},'text':'x'}", "malformed_json"),
    "byte order mark": (b"\xef\xbb\xbf" + ALL + b'"text":"x"}', "malformed_json"),
    "UTF-16": (json.dumps({"to": {"all": True}, "text": "x"}).encode("utf-16"), "malformed_json"),
    "invalid UTF-8 in data": (ALL + b'"data":"\xff"}', "malformed_json"),
    "overlong UTF-8": (ALL + b'"data":"\xc0\xaf"}', "malformed_json"),
    "surrogate in UTF-8": (ALL + b'"data":"\xed\xa0\x80"}', "malformed_json"),
    "beyond Unicode": (ALL + b'"data":"\xf4\x90\x80\x80"}', "malformed_json"),
    "NUL": (ALL + b'"data":1}\x00', "malformed_json"),
    "raw new line in a string": (ALL + b'"data":"a\nb"}', "malformed_json"),
    "unknown escape": (ALL + b'"data":"\\x41"}', "malformed_json"),
    "half an escape": (ALL + b'"data":"\\u12"}', "malformed_json"),
    "NaN": (ALL + b'"data":NaN}', "malformed_json"),
    "Infinity": (ALL + b'"data":-Infinity}', "malformed_json"),
    "leading zero": (ALL + b'"data":01}', "malformed_json"),
    "leading plus": (ALL + b'"data":+1}', "malformed_json"),
    "no digit behind the point": (ALL + b'"data":1.}', "malformed_json"),
    "no digit before the point": (ALL + b'"data":.5}', "malformed_json"),
    "no exponent": (ALL + b'"data":1e}', "malformed_json"),
    "hexadecimal": (ALL + b'"data":0x10}', "malformed_json"),
    "arrays 10 000 deep": (ALL + b'"data":' + b"[" * 10_000 + b"]" * 10_000 + b"}", "malformed_json"),
    "objects 10 000 deep": (ALL + b'"data":' + b'{"a":' * 10_000 + b"1" + b"}" * 10_000 + b"}", "malformed_json"),
    "arrays 10 000 deep, open": (b"[" * 10_000, "malformed_json"),
    "member given twice": (b'{"to":{"all":true},"to":{"all":true},"text":"x"}', "malformed_json"),
    "member given twice, once escaped": (b'{"to":{"all":true},"\\u0074o":{"all":true},"text":"x"}', "malformed_json"),
    "payload given twice": (ALL + b'"text":"x","text":"x"}', "malformed_json"),
    "unknown member": (ALL + b'"text":"x","tll":5}', "invalid_request"),
    "member of another case": (ALL + b'"text":"x","Durable":true}', "invalid_request"),
    "member with an empty name": (ALL + b'"text":"x","":1}', "invalid_request"),
    "durable of the wrong kind": (ALL + b'"text":"x","durable":"yes"}', "invalid_request"),
    "offline of the wrong kind": (ALL + b'"text":"x","offline":true}', "invalid_request"),
    "offline unheard of": (ALL + b'"text":"x","offline":"maybe"}', "invalid_request"),
    "no target": (b'{"text":"x"}', "invalid_target"),
    "target is null": (b'{"to":null,"text":"x"}', "invalid_target"),
    "target is a string": (b'{"to":"kiosk-7","text":"x"}', "invalid_target"),
    "target is empty": (b'{"to":{},"text":"x"}', "invalid_target"),
    "two targets": (b'{"to":{"all":true,"group":"a"},"text":"x"}', "invalid_target"),
    "unknown target": (b'{"to":{"everyone":true},"text":"x"}', "invalid_target"),
    "target given twice": (b'{"to":{"group":"a","group":"b"},"text":"x"}', "invalid_target"),
    "all but no": (b'{"to":{"all":false},"text":"x"}', "invalid_target"),
    "all of a string": (b'{"to":{"all":"true"},"text":"x"}', "invalid_target"),
    "no clients": (b'{"to":{"clients":[]},"text":"x"}', "invalid_target"),
    "clients is a string": (b'{"to":{"clients":"a"},"text":"x"}', "invalid_target"),
    "1001 clients": (
        json.dumps({"to": {"clients": [f"c{number}" for number in range(1001)]}, "text": "x"}).encode(),
        "invalid_target",
    ),
    "no labels": (b'{"to":{"labels":{}},"text":"x"}', "invalid_target"),
    "label that is no string": (b'{"to":{"labels":{"a":1}},"text":"x"}', "invalid_target"),
    "33 labels": (
        json.dumps({"to": {"labels": {f"l{number}": "" for number in range(33)}}, "text": "x"}).encode(),
        "invalid_target",
    ),
    "empty client id": (b'{"to":{"client":""},"text":"x"}', "invalid_client_id"),
    "client id with a space": (b'{"to":{"client":"a b"},"text":"x"}', "invalid_client_id"),
    "client id with a new line": (b'{"to":{"client":"a\\nb"},"text":"x"}', "invalid_client_id"),
    "client id with a NUL": (b'{"to":{"client":"a\\u0000"},"text":"x"}', "invalid_client_id"),
    "client id not in ASCII": ('{"to":{"client":"caf\u00e9"},"text":"x"}'.encode(), "invalid_client_id"),
    "client id of 129 characters": (b'{"to":{"client":"' + b"a" * 129 + b'"},"text":"x"}', "invalid_client_id"),
    "offline fail of a group": (b'{"to":{"group":"g"},"text":"x","offline":"fail"}', "invalid_request"),
    "offline fail of several": (b'{"to":{"clients":["a"]},"text":"x","offline":"fail"}', "invalid_request"),
    "client id that is a number": (b'{"to":{"client":7},"text":"x"}', "invalid_client_id"),
    "one bad client of two": (b'{"to":{"clients":["a","*"]},"text":"x"}', "invalid_client_id"),
    "bad group": (b'{"to":{"group":"a/b"},"text":"x"}', "invalid_group"),
    "no payload": (b'{"to":{"all":true}}', "invalid_payload"),
    "two payloads": (ALL + b'"text":"x","data":1}', "invalid_payload"),
    "three payloads": (ALL + b'"text":"x","data":1,"base64":""}', "invalid_payload"),
    "text that is no string": (ALL + b'"text":5}', "invalid_payload"),
    "text that is null": (ALL + b'"text":null}', "invalid_payload"),
    "base64 that is no string": (ALL + b'"base64":5}', "invalid_payload"),
    "base64 that is not": (ALL + b'"base64":"!!!!"}', "invalid_payload"),
    "base64 without its padding": (ALL + b'"base64":"AAE"}', "invalid_payload"),
    "base64 for URLs": (ALL + b'"base64":"_-8="}', "invalid_payload"),
    "base64 with a new line": (ALL + b'"base64":"AA\\nEC"}', "invalid_payload"),
    "one byte too much": (ALL + b'"text":"' + b"x" * (LIMIT - len(ALL) - 9) + b'"}', "body_too_large"),
    "a megabyte": (ALL + b'"text":"' + b"x" * 1_000_000 + b'"}', "body_too_large"),
    "ttl of a transient push": (ALL + b'"text":"x","ttl":60}', "invalid_request"),
    "ttl of a push that is not durable": (ALL + b'"text":"x","ttl":60,"durable":false}', "invalid_request"),
    "ttl of 0": (ALL + b'"text":"x","ttl":0,"durable":true}', "invalid_request"),
    "ttl below 0": (ALL + b'"text":"x","ttl":-1,"durable":true}', "invalid_request"),
    "ttl beyond 30 days": (ALL + b'"text":"x","ttl":2592001,"durable":true}', "invalid_request"),
    "ttl beyond any number": (ALL + b'"text":"x","ttl":1e999,"durable":true}', "invalid_request"),
    "ttl of letters": (ALL + b'"text":"x","ttl":"60","durable":true}', "invalid_request"),
    "ttl null": (ALL + b'"text":"x","ttl":null,"durable":true}', "invalid_request"),
    "collapse of a transient push": (ONE + b'"text":"x","collapse":"k"}', "invalid_request"),
    "collapse of all": (ALL + b'"text":"x","collapse":"k","durable":true}', "invalid_request"),
    "collapse of a group": (b'{"to":{"group":"g"},"text":"x","collapse":"k","durable":true}', "invalid_request"),
    "collapse of a number": (ONE + b'"text":"x","collapse":7,"durable":true}', "invalid_request"),
    "collapse empty": (ONE + b'"text":"x","collapse":"","durable":true}', "invalid_request"),
    "collapse of 129 bytes": (ONE + b'"text":"x","durable":true,"collapse":"' + b"k" * 129 + b'"}', "invalid_request"),
    "durable for labels": (b'{"to":{"labels":{"a":"b"}},"text":"x","durable":true}', "invalid_request"),
    "queue for labels": (b'{"to":{"labels":{"a":"b"}},"text":"x","offline":"queue"}', "invalid_request"),
    "queue, not durable": (ONE + b'"text":"x","offline":"queue","durable":false}', "invalid_request"),
    "fail and durable": (ONE + b'"text":"x","offline":"fail","durable":true}', "invalid_request"),
    "id with a space": (ALL + b'"text":"x","id":"order 81"}', "invalid_request"),
    "id of a number": (ALL + b'"text":"x","id":81}', "invalid_request"),
    "id empty": (ALL + b'"text":"x","id":""}', "invalid_request"),
    "id of 129 characters": (ALL + b'"text":"x","id":"' + b"i" * 129 + b'"}', "invalid_request"),
    "offline fail": (b'{"to":{"client":"nobody"},"text":"x","offline":"fail"}', "client_offline"),
}


@pytest.mark.parametrize("case", PUSHES)
def test_push(url, case, chunked):
    body, code = PUSHES[case]
    expect(wire.call(url, "POST", "/v1/push", body, chunked=chunked), code)


# path, body, headers, code
SHORTHANDS = {
    "client: space": ("/v1/clients/a%20b/push", b"x", {}, "invalid_client_id"),
    "client: not ASCII": ("/v1/clients/%C3%BC/push", b"x", {}, "invalid_client_id"),
    "client: not UTF-8": ("/v1/clients/%FF/push", b"x", {}, "invalid_request"),
    "client: broken escape": ("/v1/clients/%zz/push", b"x", {}, "invalid_request"),
    "client: half an escape": ("/v1/clients/a%4/push", b"x", {}, "invalid_request"),
    "client: NUL": ("/v1/clients/a%00/push", b"x", {}, "invalid_client_id"),
    "client: escaped slash": ("/v1/clients/a%2Fb/push", b"x", {}, "invalid_client_id"),
    "client: 129 characters": ("/v1/clients/" + "a" * 129 + "/push", b"x", {}, "invalid_client_id"),
    "group: not ASCII": ("/v1/groups/%C3%BC/push", b"x", {}, "invalid_group"),
    "group: 129 characters": ("/v1/groups/" + "a" * 129 + "/push", b"x", {}, "invalid_group"),
    "JSON that is none": ("/v1/broadcast", b"{", {"Content-Type": "application/json"}, "malformed_json"),
    "JSON that is empty": ("/v1/broadcast", b"", {"Content-Type": "application/json"}, "malformed_json"),
    "JSON with parameter that is none": (
        "/v1/clients/nobody/push",
        b"{",
        {"Content-Type": "Application/JSON; charset=utf-8"},
        "malformed_json",
    ),
    "text that is not UTF-8": ("/v1/broadcast", b"\xff", {"Content-Type": "text/plain"}, "invalid_payload"),
    "offline unheard of": ("/v1/clients/nobody/push?offline=maybe", b"x", {}, "invalid_request"),
    "offline empty": ("/v1/clients/nobody/push?offline=", b"x", {}, "invalid_request"),
    "offline twice": ("/v1/clients/nobody/push?offline=drop&offline=fail", b"x", {}, "invalid_request"),
    "durable of the wrong kind": ("/v1/broadcast?durable=maybe", b"x", {}, "invalid_request"),
    "unknown option": ("/v1/broadcast?offlin=fail", b"x", {}, "invalid_request"),
    "ttl, not durable": ("/v1/broadcast?ttl=60", b"x", {}, "invalid_request"),
    "ttl of letters": ("/v1/broadcast?durable=true&ttl=ten", b"x", {}, "invalid_request"),
    "ttl empty": ("/v1/broadcast?durable=true&ttl=", b"x", {}, "invalid_request"),
    "ttl not a number": ("/v1/broadcast?durable=true&ttl=nan", b"x", {}, "invalid_request"),
    "collapse, not durable": ("/v1/clients/nobody/push?collapse=k", b"x", {}, "invalid_request"),
    "collapse of all": ("/v1/broadcast?durable=true&collapse=k", b"x", {}, "invalid_request"),
    "collapse of a group": ("/v1/groups/g/push?durable=true&collapse=k", b"x", {}, "invalid_request"),
    "id with a space": ("/v1/broadcast?id=order%2081", b"x", {}, "invalid_request"),
    "queue, not durable": ("/v1/clients/nobody/push?offline=queue&durable=false", b"x", {}, "invalid_request"),
    "fail and durable": ("/v1/clients/nobody/push?offline=fail&durable=true", b"x", {}, "invalid_request"),
    "Idempotency-Key empty": ("/v1/broadcast", b"x", {"Idempotency-Key": ""}, "invalid_request"),
    "Idempotency-Key of 256 bytes": ("/v1/broadcast", b"x", {"Idempotency-Key": "k" * 256}, "invalid_request"),
    "Idempotency-Key and id": ("/v1/broadcast?id=a", b"x", {"Idempotency-Key": "b"}, "invalid_request"),
    "wait for letters": ("/v1/broadcast", b"x", {"Prefer": "wait=soon"}, "invalid_request"),
    "wait for nothing": ("/v1/broadcast", b"x", {"Prefer": "wait"}, "invalid_request"),
    "wait below 0": ("/v1/broadcast", b"x", {"Prefer": "wait=-1"}, "invalid_request"),
    "Content-Encoding": ("/v1/broadcast", b"x", {"Content-Encoding": "gzip"}, "not_implemented"),
    "Content-Encoding of JSON": ("/v1/push", b"{}", {"Content-Encoding": "gzip"}, "not_implemented"),
    "too large": ("/v1/broadcast", b"x" * (LIMIT + 1), {}, "body_too_large"),
    "offline fail": ("/v1/clients/nobody/push?offline=fail", b"x", {}, "client_offline"),
    "offline fail of a group": ("/v1/groups/nobody/push?offline=fail", b"x", {}, "invalid_request"),
    "offline fail of all": ("/v1/broadcast?offline=fail", b"x", {}, "invalid_request"),
    "query that is not UTF-8": ("/v1/broadcast?offline=%FF", b"x", {}, "invalid_request"),
    "offline fail, escaped": ("/v1/clients/no%62ody/push?off%6cine=f%61il", b"x", {}, "client_offline"),
    "no such path": ("/v1/clients/a/pushh", b"x", {}, "not_found"),
    "path goes on": ("/v1/broadcast/all", b"x", {}, "not_found"),
    "wait on push": ("/v1/push", ALL + b'"text":"x"}', {"prefer": "respond-async, wait=1.5"}, "invalid_request"),
    "key and id on push": ("/v1/push", ALL + b'"text":"x","id":"a"}', {"Idempotency-Key": "b"}, "invalid_request"),
    "query on push": ("/v1/push?offline=fail", ALL + b'"text":"x"}', {}, "invalid_request"),
    "pushes: query": ("/v1/pushes?durable=true", b"{}\n", {}, "invalid_request"),
    "pushes: Idempotency-Key": ("/v1/pushes", b"{}\n", {"Idempotency-Key": "k"}, "invalid_request"),
    "pushes: wait for letters": ("/v1/pushes", b"{}\n", {"Prefer": "wait=soon"}, "invalid_request"),
    "pushes: Content-Encoding": ("/v1/pushes", b"{}\n", {"Content-Encoding": "gzip"}, "not_implemented"),
    "command: nobody": ("/v1/clients/nobody/commands", b'{"name":"restart"}', {}, "client_offline"),
    "command: nobody, once": ("/v1/clients/nobody/commands", b'{"name":"r","id":"nobody-1"}', {}, "client_offline"),
    "command: bad client": ("/v1/clients/a%20b/commands", b'{"name":"restart"}', {}, "invalid_client_id"),
    "command: no body": ("/v1/clients/nobody/commands", b"", {}, "malformed_json"),
    "command: a list": ("/v1/clients/nobody/commands", b'["restart"]', {}, "malformed_json"),
    "command: no name": ("/v1/clients/nobody/commands", b'{"data":1}', {}, "invalid_request"),
    "command: empty name": ("/v1/clients/nobody/commands", b'{"name":""}', {}, "invalid_request"),
    "command: name of a number": ("/v1/clients/nobody/commands", b'{"name":7}', {}, "invalid_request"),
    "command: name with a line": ("/v1/clients/nobody/commands", b'{"name":"a\\nb"}', {}, "invalid_request"),
    "command: long name": ("/v1/clients/nobody/commands", b'{"name":"' + b"n" * 129 + b'"}', {}, "invalid_request"),
    "command: timeout 0": ("/v1/clients/nobody/commands", b'{"name":"r","timeout":0}', {}, "invalid_request"),
    "command: timeout 601": ("/v1/clients/nobody/commands", b'{"name":"r","timeout":601}', {}, "invalid_request"),
    "command: timeout of letters": ("/v1/clients/nobody/commands", b'{"name":"r","timeout":"5"}', {}, "invalid_request"),
    "command: connectTimeout": ("/v1/clients/nobody/commands", b'{"name":"r","connectTimeout":-1}', {}, "invalid_request"),
    "command: unknown member": ("/v1/clients/nobody/commands", b'{"name":"r","timout":5}', {}, "invalid_request"),
    "command: bad id": ("/v1/clients/nobody/commands", b'{"name":"r","id":"a b"}', {}, "invalid_request"),
    "command: bad key": ("/v1/clients/nobody/commands", b'{"name":"r"}', {"Idempotency-Key": "a b"}, "invalid_request"),
    "command: id and key": (
        "/v1/clients/nobody/commands",
        b'{"name":"r","id":"a"}',
        {"Idempotency-Key": "b"},
        "invalid_request",
    ),
    "command: query": ("/v1/clients/nobody/commands?timeout=5", b'{"name":"r"}', {}, "invalid_request"),
    "command: two payloads": ("/v1/clients/nobody/commands", b'{"name":"r","data":1,"text":""}', {}, "invalid_payload"),
    "command: base64 that is not": ("/v1/clients/nobody/commands", b'{"name":"r","base64":"!"}', {}, "invalid_payload"),
    "command: too large": ("/v1/clients/nobody/commands", b" " * (LIMIT + 1), {}, "body_too_large"),
    "command: events of nonsense": ("/v1/clients/nobody/commands", b"{", EVENTS, "malformed_json"),
    "command: later, nonsense": ("/v1/clients/nobody/commands", b"{", {"Prefer": "respond-async"}, "malformed_json"),
    "group command: bad group": ("/v1/groups/a%20b/commands", b'{"name":"restart"}', {}, "invalid_group"),
    "group command: no name": ("/v1/groups/tills/commands", b"{}", {}, "invalid_request"),
    "group command: id": ("/v1/groups/tills/commands", b'{"name":"r","id":"a"}', {}, "invalid_request"),
    "group command: key": ("/v1/groups/tills/commands", b'{"name":"r"}', {"Idempotency-Key": "a"}, "invalid_request"),
    "group command: query": ("/v1/groups/tills/commands?timeout=5", b'{"name":"r"}', {}, "invalid_request"),
    "drain: no such node": ("/v1/nodes/nobody/drain", b"", {}, "node_not_found"),
    "drain: bad node": ("/v1/nodes/a%20b/drain", b"", {}, "invalid_request"),
    "drain: a body": ("/v1/nodes/nobody/drain", b'{"cancel":true}', {}, "invalid_request"),
    "replay: nothing": ("/v1/webhooks/dead/replay", b"", {}, "malformed_json"),
    "replay: neither": ("/v1/webhooks/dead/replay", b"{}", {}, "invalid_request"),
    "replay: both": ("/v1/webhooks/dead/replay", b'{"all":true,"ids":["1-0"]}', {}, "invalid_request"),
    "replay: all but no": ("/v1/webhooks/dead/replay", b'{"all":false}', {}, "invalid_request"),
    "replay: no ids": ("/v1/webhooks/dead/replay", b'{"ids":[]}', {}, "invalid_request"),
    "replay: ids that are none": ("/v1/webhooks/dead/replay", b'{"ids":["1-0","x"]}', {}, "invalid_request"),
    "replay: 1001 ids": (
        "/v1/webhooks/dead/replay",
        json.dumps({"ids": [f"{number}-0" for number in range(1001)]}).encode(),
        {},
        "invalid_request",
    ),
    "replay: something else": ("/v1/webhooks/dead/replay", b'{"all":true,"x":1}', {}, "invalid_request"),
    "replay: too large": ("/v1/webhooks/dead/replay", b" " * (LIMIT + 1), {}, "body_too_large"),
    "replay: no webhook": ("/v1/webhooks/dead/replay", b'{"all":true}', {}, "webhooks_off"),
}


@pytest.mark.parametrize("case", SHORTHANDS)
def test_post(url, case, chunked):
    path, body, headers, code = SHORTHANDS[case]
    expect(wire.call(url, "POST", path, body, headers, chunked=chunked), code)


# method, path, headers, code
ROUTES = {
    "no such path": ("GET", "/nothing", {}, "not_found"),
    "no such version": ("GET", "/v2/clients", {}, "not_found"),
    "another case": ("GET", "/V1/Clients", {}, "not_found"),
    "dots": ("GET", "/v1/../../etc/passwd", {}, "not_found"),
    "escaped dots": ("GET", "/v1/%2e%2e/%2e%2e/etc/passwd", {}, "not_found"),
    "echo without diagnostics": ("GET", "/ws/echo", {}, "not_found"),
    "GET of a push": ("GET", "/v1/push", {}, "method_not_allowed"),
    "GET of a broadcast": ("GET", "/v1/broadcast", {}, "method_not_allowed"),
    "PUT of a push": ("PUT", "/v1/push", {}, "method_not_allowed"),
    "POST of clients": ("POST", "/v1/clients", {}, "method_not_allowed"),
    "DELETE of clients": ("DELETE", "/v1/clients", {}, "method_not_allowed"),
    "POST of a client": ("POST", "/v1/clients/nobody", {}, "method_not_allowed"),
    "GET of a membership": ("GET", "/v1/clients/nobody/groups/g", {}, "method_not_allowed"),
    "DELETE of health": ("DELETE", "/healthz", {}, "method_not_allowed"),
    "POST of /ws": ("POST", "/ws", {}, "method_not_allowed"),
    "PATCH of a group": ("PATCH", "/v1/groups/g", {}, "method_not_allowed"),
    "TRACE": ("TRACE", "/v1/push", {}, "method_not_allowed"),
    "TRACE of health": ("TRACE", "/healthz", {}, "method_not_allowed"),
    "OPTIONS": ("OPTIONS", "/v1/push", {}, "method_not_allowed"),
    "PUT of many pushes": ("PUT", "/v1/pushes", {}, "method_not_allowed"),
    "limit 0": ("GET", "/v1/clients?limit=0", {}, "invalid_request"),
    "limit 1001": ("GET", "/v1/clients?limit=1001", {}, "invalid_request"),
    "limit of letters": ("GET", "/v1/clients?limit=ten", {}, "invalid_request"),
    "limit empty": ("GET", "/v1/clients?limit=", {}, "invalid_request"),
    "limit huge": ("GET", "/v1/clients?limit=99999999999999999999", {}, "invalid_request"),
    "limit twice": ("GET", "/v1/clients?limit=5&limit=6", {}, "invalid_request"),
    "state unheard of": ("GET", "/v1/clients?state=asleep", {}, "invalid_request"),
    "cursor that is no id": ("GET", "/v1/clients?cursor=a%20b", {}, "invalid_request"),
    "node that is no id": ("GET", "/v1/clients?node=a%20b", {}, "invalid_request"),
    "group that is none": ("GET", "/v1/clients?group=a%20b", {}, "invalid_group"),
    "label without a name": ("GET", "/v1/clients?label.=x", {}, "invalid_request"),
    "unknown option": ("GET", "/v1/clients?stat=online", {}, "invalid_request"),
    "bad client": ("GET", "/v1/clients/a%20b", {}, "invalid_client_id"),
    "bad client to close": ("DELETE", "/v1/clients/%C3%BC", {}, "invalid_client_id"),
    "bad client to join": ("PUT", "/v1/clients/a%20b/groups/g", {}, "invalid_client_id"),
    "bad group to join": ("PUT", "/v1/clients/nobody/groups/a%20b", {}, "invalid_group"),
    "bad group": ("GET", "/v1/groups/a%20b", {}, "invalid_group"),
    "unknown client": ("GET", "/v1/clients/never-seen", {}, "client_not_found"),
    "unknown client to close": ("DELETE", "/v1/clients/never-seen", {}, "client_offline"),
    "unknown client to join": ("PUT", "/v1/clients/never-seen/groups/g", {}, "client_offline"),
    "unknown client to leave": ("DELETE", "/v1/clients/never-seen/groups/g", {}, "client_offline"),
    "unknown push": ("GET", "/v1/pushes/never-pushed", {}, "push_not_found"),
    "bad push": ("GET", "/v1/pushes/a%20b", {}, "invalid_request"),
    "unknown command": ("GET", "/v1/commands/never-sent", {}, "command_not_found"),
    "bad command": ("GET", "/v1/commands/a%20b", {}, "invalid_request"),
    "GET of commands": ("GET", "/v1/clients/nobody/commands", {}, "method_not_allowed"),
    "mailbox of a bad client": ("GET", "/v1/clients/a%20b/mailbox", {}, "invalid_client_id"),
    "mailbox limit 0": ("GET", "/v1/clients/nobody/mailbox?limit=0", {}, "invalid_request"),
    "mailbox limit 1001": ("GET", "/v1/clients/nobody/mailbox?limit=1001", {}, "invalid_request"),
    "mailbox limit twice": ("GET", "/v1/clients/nobody/mailbox?limit=1&limit=2", {}, "invalid_request"),
    "mailbox cursor": ("GET", "/v1/clients/nobody/mailbox?cursor=order-81", {}, "invalid_request"),
    "mailbox cursor with a sign": ("GET", "/v1/clients/nobody/mailbox?cursor=%2B1-0", {}, "invalid_request"),
    "mailbox option": ("GET", "/v1/clients/nobody/mailbox?state=online", {}, "invalid_request"),
    "POST of a mailbox": ("POST", "/v1/clients/nobody/mailbox", {}, "method_not_allowed"),
    "emptying of a bad client": ("DELETE", "/v1/clients/a%20b/mailbox", {}, "invalid_client_id"),
    "cancel what is not there": ("DELETE", "/v1/clients/nobody/mailbox/p", {}, "push_not_found"),
    "cancel a bad push": ("DELETE", "/v1/clients/nobody/mailbox/a%20b", {}, "invalid_request"),
    "cancel of a bad client": ("DELETE", "/v1/clients/a%20b/mailbox/p", {}, "invalid_client_id"),
    "POST of the metrics": ("POST", "/metrics", {}, "method_not_allowed"),
    "dead limit 0": ("GET", "/v1/webhooks/dead?limit=0", {}, "invalid_request"),
    "dead limit twice": ("GET", "/v1/webhooks/dead?limit=1&limit=2", {}, "invalid_request"),
    "dead cursor": ("GET", "/v1/webhooks/dead?cursor=x", {}, "invalid_request"),
    "dead option": ("GET", "/v1/webhooks/dead?state=online", {}, "invalid_request"),
    "POST of webhooks": ("POST", "/v1/webhooks", {}, "method_not_allowed"),
    "GET of a replay": ("GET", "/v1/webhooks/dead/replay", {}, "method_not_allowed"),
    "drop of nonsense": ("DELETE", "/v1/webhooks/dead/x", {}, "invalid_request"),
    "drop what is not there": ("DELETE", "/v1/webhooks/dead/1-0", {}, "event_not_found"),
    "no upgrade": ("GET", "/ws", {}, "upgrade_required"),
    "upgrade to something else": ("GET", "/ws", {"Connection": "Upgrade", "Upgrade": "h2c"}, "upgrade_required"),
}


@pytest.mark.parametrize("case", ROUTES)
def test_route(url, case):
    method, path, headers, code = ROUTES[case]
    expect(wire.call(url, method, path, headers=headers), code)


# path, headers, code
HANDSHAKES = {
    "bad client": ("/ws?clientId=a%20b", {}, "invalid_client_id"),
    "empty client": ("/ws?clientId=", {}, "invalid_client_id"),
    "client not UTF-8": ("/ws?clientId=%FF", {}, "invalid_request"),
    "client of 129 characters": ("/ws?clientId=" + "a" * 129, {}, "invalid_client_id"),
    "bad group": ("/ws?clientId=a&group=g&group=%20", {}, "invalid_group"),
    "101 groups": ("/ws?clientId=a" + "".join(f"&group=g{number}" for number in range(101)), {}, "too_many_groups"),
    "33 labels": ("/ws?clientId=a" + "".join(f"&label.l{n}=x" for n in range(33)), {}, "invalid_request"),
    "two clients": ("/ws?clientId=a&clientId=b", {}, "invalid_client_id"),
    "query that is not UTF-8": ("/ws?clientId=a&label.x=%FF", {}, "invalid_request"),
    "unknown subprotocol": ("/ws?clientId=a", {"Sec-WebSocket-Protocol": "mqtt, stomp"}, "unknown_subprotocol"),
    "another version": ("/ws?clientId=a", {"Sec-WebSocket-Version": "8"}, "upgrade_required"),
    "no key": ("/ws?clientId=a", {"Sec-WebSocket-Key": ""}, "invalid_request"),
    "short key": ("/ws?clientId=a", {"Sec-WebSocket-Key": "AAAA"}, "invalid_request"),
    "token": ("/ws?token=eyJhbGciOiJIUzI1NiJ9", {}, "unauthorized"),
    "authorization": ("/ws?clientId=a", {"Authorization": "Bearer k"}, "unauthorized"),
    "echo without diagnostics": ("/ws/echo", {}, "not_found"),
    "no such path": ("/wss", {}, "not_found"),
}


@pytest.mark.parametrize("case", HANDSHAKES)
def test_handshake(url, case):
    path, headers, code = HANDSHAKES[case]
    with wire.Connection(url) as connection:
        answer = connection.upgrade(path, headers)
        expect(answer, code)
        if "Sec-WebSocket-Version" in headers:
            assert answer.headers["sec-websocket-version"] == "13"
        if answer.closes:
            assert connection.closed()


def test_upgrade_names_the_protocol(url):
    answer = wire.call(url, "GET", "/ws")
    assert answer.headers["upgrade"].lower() == "websocket"


def test_head_has_the_status_and_no_body(url):
    with wire.Connection(url) as connection:
        for path in ("/healthz", "/readyz", "/v1/clients", "/v1/nodes", "/openapi.yaml"):
            answer = connection.request("HEAD", path)
            assert answer.status == 200 and answer.body == b""
            assert answer.headers["x-request-id"]
        # Had the node sent a body, this answer would begin with it.
        assert connection.request("GET", "/healthz").json() == {"status": "ok"}


def test_head_of_a_problem_has_no_body(url):
    with wire.Connection(url) as connection:
        for path, status in (("/nothing", 404), ("/v1/push", 405), ("/v1/clients/never-seen", 404), ("/ws", 426)):
            assert connection.request("HEAD", path).status == status
            # Had the node sent a body, this answer would begin with it.
            assert connection.request("GET", "/healthz").json() == {"status": "ok"}


@pytest.mark.parametrize(
    "path, methods",
    {
        "/v1/push": {"POST"},
        "/v1/broadcast": {"POST"},
        "/v1/clients": {"GET", "HEAD"},
        "/v1/clients/a": {"GET", "HEAD", "DELETE"},
        "/v1/clients/a/groups/g": {"PUT", "DELETE"},
        "/v1/clients/a/push": {"POST"},
        "/v1/groups/g": {"GET", "HEAD"},
        "/healthz": {"GET", "HEAD"},
        "/v1/pushes": {"GET", "HEAD", "POST"},
        "/v1/pushes/a": {"GET", "HEAD"},
        "/v1/clients/a/commands": {"POST"},
        "/v1/groups/g/commands": {"POST"},
        "/v1/commands/a": {"GET", "HEAD"},
        "/v1/clients/a/mailbox": {"GET", "HEAD", "DELETE"},
        "/v1/clients/a/mailbox/p": {"DELETE"},
        "/switchboard.js": {"GET", "HEAD"},
    }.items(),
)
def test_allow_lists_the_methods(url, path, methods):
    answer = wire.call(url, "PATCH", path)
    expect(answer, "method_not_allowed")
    assert {method.strip() for method in answer.headers["allow"].split(",")} == methods


def test_refused_pushes_reach_nobody(url, connect, chunked):
    """After everything in the table, a connected client has seen the one push that was valid, and nothing else."""
    client = connect()
    target = b'{"to":{"client":"%s"},' % client.id.encode()
    with wire.Connection(url) as connection:
        for member in (b'"durable":1', b'"ttl":5', b'"id":"a b"', b'"unknown":1', b'"offline":"queue","durable":false'):
            answer = connection.request("POST", "/v1/push", target + b'"text":"no",' + member + b"}", chunked=chunked)
            assert answer.status == 400
        expect_counts(
            connection.request("POST", "/v1/push", target + b'"text":"yes"}', chunked=chunked),
            matched=1,
            delivered=1,
            nodes=1,
        )
    assert client.connection.frame().payload == b"yes"


def test_other_preferences_are_ignored(url, chunked):
    """RFC 7240 section 2: a preference that is not known must be ignored."""
    headers = {"Prefer": "return=minimal"}
    answer = wire.call(url, "POST", "/v1/clients/nobody/push", b"x", headers, chunked=chunked)
    expect_counts(answer, offline=1)


def test_defaults_may_be_written_out(url, chunked):
    body = b'{"to":{"client":"nobody"},"data":1,"durable":false,"offline":"drop"}'
    expect_counts(wire.call(url, "POST", "/v1/push", body, chunked=chunked), offline=1)
    path = "/v1/clients/nobody/push?durable=false&offline=drop"
    expect_counts(wire.call(url, "POST", path, b"x", chunked=chunked), offline=1)


def test_the_largest_body_is_taken(url, chunked):
    body = ALL.replace(b'"all":true', b'"group":"nobody"') + b'"text":"'
    body += b"x" * (LIMIT - len(body) - 2) + b'"}'
    assert len(body) == LIMIT
    expect_counts(wire.call(url, "POST", "/v1/push", body, chunked=chunked))
    expect_counts(wire.call(url, "POST", "/v1/groups/nobody/push", b"x" * LIMIT, chunked=chunked))


def test_depth_100_is_taken(url, chunked):
    body = b'{"to":{"group":"nobody"},"data":' + b"[" * 100 + b"]" * 100 + b"}"
    expect_counts(wire.call(url, "POST", "/v1/push", body, chunked=chunked))


def test_many_members_cost_little(url, chunked):
    """As many members as a body can hold: refused without being read to their end."""
    body = b'{"to":{"all":true},"text":"x",' + b",".join(b'"%x":1' % number for number in range(28_000)) + b"}"
    assert len(body) < LIMIT
    start = time.monotonic()
    expect(wire.call(url, "POST", "/v1/push", body, chunked=chunked), "malformed_json")
    assert time.monotonic() - start < 1


def test_the_callers_request_id_is_kept(url, chunked):
    for path, body in (("/v1/groups/nobody/push", b"x"), ("/v1/push", b"{"), ("/v1/pushes", b"{}")):
        answer = wire.call(url, "POST", path, body, {"X-Request-Id": "order:81@shop"}, chunked=chunked)
        assert answer.headers["x-request-id"] == "order:81@shop"
        for unfit in ("a b", "a" * 129, "<script>", ""):
            answer = wire.call(url, "POST", path, body, {"X-Request-Id": unfit}, chunked=chunked)
            assert answer.headers["x-request-id"] not in ("", unfit)


@pytest.mark.own_node
def test_rate_limited(chunked):
    with processes.node("--publish-rate", "1") as url, wire.Connection(url) as connection:
        answers = [connection.request("POST", "/v1/broadcast", b"x", chunked=chunked) for _ in range(20)]
    assert answers[0].status == 200
    refused = [answer for answer in answers if answer.status != 200]
    assert refused
    for answer in refused:
        expect(answer, "rate_limited")


@pytest.mark.own_node
@pytest.mark.parametrize(
    "method, path, body",
    [
        ("POST", "/v1/clients/nobody/commands", b'{"name":"x"}'),
        ("POST", "/v1/groups/nobody/commands", b'{"name":"x"}'),
        ("PUT", "/v1/clients/nobody/groups/g", None),
        ("DELETE", "/v1/clients/nobody/groups/g", None),
    ],
)
def test_the_rate_of_everything_that_pushes(method, path, body):
    """Commands and memberships count as pushes do, together with them."""
    with processes.node("--publish-rate", "1") as url, wire.Connection(url) as connection:
        connection.request("POST", "/v1/broadcast", b"x")
        answers = [connection.request(method, path, body) for _ in range(20)]
    refused = [answer for answer in answers if answer.status == 429]
    assert refused
    for answer in refused:
        expect(answer, "rate_limited")


@pytest.mark.own_node
def test_duplicate_client():
    with processes.node("--duplicates", "reject") as url:
        first = wire.connect(url, "twin")
        with wire.Connection(url) as second:
            expect(second.upgrade("/ws?clientId=twin"), "duplicate_client")
        first.connection.send_frame(wire.TEXT, b"still here")
        expect_counts(wire.call(url, "POST", "/v1/clients/twin/push", b"x"), matched=1, delivered=1, nodes=1)
        assert first.connection.frame().payload == b"x"
        first.close()


@pytest.mark.own_node
def test_overloaded():
    """More handshakes than the accept rate."""
    with processes.node("--accept-rate", "1") as url:
        answers = []
        for number in range(12):
            with wire.Connection(url) as connection:
                answers.append(connection.upgrade(f"/ws?clientId=c{number}"))
    assert answers[0].status == 101
    refused = [answer for answer in answers if answer.status != 101]
    assert refused
    for answer in refused:
        expect(answer, "overloaded")


def test_too_many_groups(url, connect):
    client = connect(query="".join(f"&group=g{number}" for number in range(100)))
    path = f"/v1/clients/{client.id}/groups"
    expect(wire.call(url, "PUT", f"{path}/one-more"), "too_many_groups")
    assert wire.call(url, "PUT", f"{path}/g7").status == 204, "it is in this one already"
    assert wire.call(url, "DELETE", f"{path}/g7").status == 204
    assert wire.call(url, "PUT", f"{path}/one-more").status == 204


@pytest.mark.own_node
def test_bus_unavailable_and_not_ready():
    """Redis is stopped under a node: no push is answered with success, and the node says that it is not ready."""
    with processes.redis() as redis, processes.node("--redis", redis.url) as url:
        client = wire.connect(url, "kiosk-7")
        redis.stop()
        deadline = time.monotonic() + 15
        while (ready := wire.call(url, "GET", "/readyz")).status == 200:
            assert time.monotonic() < deadline, "still ready, long after Redis went"
            time.sleep(0.1)
        expect(ready, "not_ready")
        for chunked in (False, True):
            for path in ("/v1/broadcast", "/v1/clients/kiosk-7/push", "/v1/groups/g/push"):
                expect(wire.call(url, "POST", path, b"x", chunked=chunked), "bus_unavailable")
            body = b'{"to":{"clients":["kiosk-7","b"]},"text":"x"}'
            expect(wire.call(url, "POST", "/v1/push", body, chunked=chunked), "bus_unavailable")
        expect(wire.call(url, "GET", "/v1/clients"), "bus_unavailable")
        expect(wire.call(url, "GET", "/v1/clients/kiosk-7"), "bus_unavailable")
        expect(wire.call(url, "DELETE", "/v1/clients/kiosk-7"), "bus_unavailable")
        expect(wire.call(url, "PUT", "/v1/clients/kiosk-7/groups/g"), "bus_unavailable")
        expect(wire.call(url, "GET", "/v1/nodes"), "bus_unavailable")
        for path in ("/v1/rollouts", "/v1/rollouts/r", "/v1/rollouts/r/clients"):
            expect(wire.call(url, "GET", path), "bus_unavailable")
        for path in ("/v1/rollouts/r/pause", "/v1/rollouts/r/resume", "/v1/rollouts/r/abort"):
            expect(wire.call(url, "POST", path, b""), "bus_unavailable")
        rollout = b'{"to":{"client":"kiosk-7"},"push":{"text":"x"}}'
        expect(wire.call(url, "POST", "/v1/rollouts", rollout), "bus_unavailable")
        for path in ("/v1/webhooks", "/v1/webhooks/dead"):
            expect(wire.call(url, "GET", path), "bus_unavailable")
        for path in ("/v1/webhooks/dead", "/v1/webhooks/dead/1-0"):
            expect(wire.call(url, "DELETE", path), "bus_unavailable")
        for path in ("/v1/clients/kiosk-7/mailbox", "/v1/pushes/p", "/v1/commands/c"):
            expect(wire.call(url, "GET", path), "bus_unavailable")
        for path in ("/v1/clients/kiosk-7/mailbox", "/v1/clients/kiosk-7/mailbox/p"):
            expect(wire.call(url, "DELETE", path), "bus_unavailable")
        for path in ("/v1/clients/kiosk-7/commands", "/v1/groups/g/commands"):
            for member in (b"", b',"id":"c"'):
                if member == b"" or "clients" in path:
                    expect(wire.call(url, "POST", path, b'{"name":"x"' + member + b"}"), "bus_unavailable")
        later = wire.call(url, "POST", "/v1/clients/kiosk-7/commands", b'{"name":"x"}', {"Prefer": "respond-async"})
        expect(later, "bus_unavailable")
        durable = b'{"to":{"client":"kiosk-7"},"text":"x","durable":true'
        for member in (b"", b',"id":"p"'):
            expect(wire.call(url, "POST", "/v1/push", durable + member + b"}"), "bus_unavailable")
        many = wire.call(url, "POST", "/v1/pushes", durable + b"}\n" + ALL + b'"text":"x"}\n')
        assert [json.loads(line)["code"] for line in many.body.splitlines()] == ["bus_unavailable"] * 2
        assert wire.call(url, "GET", "/healthz").status == 200
        client.close()


# Codes that nothing from outside should be able to cause, and what Tests/Webhooks and Tests/Attacks cause.
UNPROVOKED = {"internal_error", "connection_refused", "request_timeout", "too_many_connections", "head_too_large"}
# More clients than a test here can connect.
UNPROVOKED |= {"rollout_too_large"}


def test_every_code_is_raised_by_some_test():
    tables = [*PUSHES.values(), *SHORTHANDS.values(), *ROUTES.values(), *HANDSHAKES.values()]
    raised = {row[-1] for row in tables}
    tests = "".join(path.read_text() for path in pathlib.Path(__file__).parent.glob("test_*.py"))
    raised |= set(re.findall(r"""expect\([^"]*(?:"[^"]*"[^"]*)*?"([a-z_]+)"\)""", tests))
    assert raised | UNPROVOKED >= set(STATUS), set(STATUS) - raised
