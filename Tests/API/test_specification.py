"""The API description itself: valid, served as it is, and true in what it shows."""

import re

import jsonschema
import yaml
from openapi_spec_validator import OpenAPIV31SpecValidator

import processes
import wire
from problems import STATUS

SOURCE = processes.SPECIFICATION.read_bytes()
DOCUMENT = yaml.safe_load(SOURCE)
UNKNOWN = (
    "client_not_found", "client_offline", "push_not_found", "command_not_found", "node_not_found", "rollout_not_found",
)
METHODS = ("get", "put", "post", "delete", "patch")


def operations():
    for path, item in DOCUMENT["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method], item.get("parameters", [])


def resolved(node):
    while isinstance(node, dict) and "$ref" in node:
        target = DOCUMENT
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def validator(schema):
    return jsonschema.Draft202012Validator({**schema, "components": DOCUMENT["components"]})


def test_it_is_valid_openapi():
    errors = list(OpenAPIV31SpecValidator(DOCUMENT).iter_errors())
    assert not errors, errors


def test_it_is_served_as_it_is(url):
    answer = wire.call(url, "GET", "/openapi.yaml")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("application/yaml"), "RFC 9512"
    assert answer.body == SOURCE


def test_every_operation_is_described():
    ids = [operation["operationId"] for _, _, operation, _ in operations()]
    assert len(ids) == len(set(ids)) > 25
    for path, method, operation, _ in operations():
        assert operation["summary"] and operation["description"], (method, path)
        assert operation["tags"][0] in {tag["name"] for tag in DOCUMENT["tags"]}
        for status, response in operation["responses"].items():
            assert "X-Request-Id" in resolved(response)["headers"], (method, path, status)


def test_every_example_fits_its_schema():
    count = 0
    for path, method, operation, shared in operations():
        contents = [resolved(response).get("content", {}) for response in operation["responses"].values()]
        contents.append(resolved(operation.get("requestBody", {})).get("content", {}))
        for content in contents:
            for media in content.values():
                for example in media.get("examples", {}).values():
                    validator(media["schema"]).validate(example["value"])
                    count += 1
        for parameter in map(resolved, [*shared, *operation.get("parameters", [])]):
            if "example" in parameter:
                validator(parameter["schema"]).validate(parameter["example"])
                count += 1
    assert count > 50


def test_every_code_has_its_status():
    schema = DOCUMENT["components"]["schemas"]["ProblemCode"]
    assert set(schema["enum"]) == set(STATUS)
    for name, response in DOCUMENT["components"]["responses"].items():
        problem = response.get("content", {}).get("application/problem+json")
        if problem:
            members = problem["schema"]["properties"]
            codes = members["code"].get("enum") or [members["code"]["const"]]
            assert {STATUS[code] for code in codes} == {members["status"]["const"]}, name


def test_every_path_is_routed(url):
    """No described operation is answered with 404 `not_found` or 405."""
    for path, method, _, _ in operations():
        # A file that is not there is answered like a path that is not.
        concrete = path.replace("/console/{file}", "/console/clients").replace("/lib/{file}", "/lib/chart.js")
        concrete = re.sub(r"\{[A-Za-z]+\}", "nobody", concrete)
        if concrete == "/v1/events":
            # Asked rightly it would not end.
            concrete += "?type=none"
        answer = wire.call(url, method.upper(), concrete, b"" if method == "post" else None)
        assert answer.status != 405, (method, path)
        if answer.status == 404:
            problem = answer.json()
            assert problem["code"] in UNKNOWN or "install the package" in problem["detail"], (method, path)
