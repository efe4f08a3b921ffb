"""The template, read, and changed in the few places where the emulator cannot take it as it is.

Each change is a function of its own that says why. Nothing else may differ from what goes to AWS.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from .paths import MACHINE, TEMPLATE


def read() -> dict[str, Any]:
    """The template as it stands, with its short forms (`!Ref`) written out."""
    return yaml_parse(TEMPLATE.read_text())


def function_names() -> list[str]:
    """The functions' names, which are those of their crates and binaries."""
    return [_code_name(function) for function in _functions(read())]


def use_stored_code(template: dict[str, Any], bucket: str, keys: Mapping[str, str]) -> None:
    """Points each function at its code in a bucket. `sam deploy` does the same from the built folders."""
    for function in _functions(template):
        function["Properties"]["CodeUri"] = {"Bucket": bucket, "Key": keys[_code_name(function)]}


def use_stored_machine(template: dict[str, Any], bucket: str, key: str) -> None:
    """Points the state machine at its definition in a bucket, as `sam deploy` does."""
    template["Resources"]["RelocationMachine"]["Properties"]["DefinitionUri"] = {"Bucket": bucket, "Key": key}


def allow_plain_http(template: dict[str, Any]) -> None:
    """Drops the bucket policies' refusal of plain HTTP, which is all that the emulator speaks."""
    for resource in template["Resources"].values():
        if isinstance(resource, dict) and resource["Type"] == "AWS::S3::BucketPolicy":
            document = resource["Properties"]["PolicyDocument"]
            document["Statement"] = [one for one in document["Statement"] if one["Sid"] != "DenyPlainHttp"]


def allow_any_sender(template: dict[str, Any]) -> None:
    """Lets mail come from any address, because the emulator knows neither the resource nor the condition."""
    document = template["Resources"]["SendMailPolicy"]["Properties"]["PolicyDocument"]
    for statement in document["Statement"]:
        if statement["Action"] == "ses:SendEmail":
            statement["Resource"] = "*"
            del statement["Condition"]


def machine_definition() -> str:
    """The state machine with its timeouts as plain numbers, because the emulator does not evaluate them."""
    return re.sub(r'"TimeoutSeconds": "\{% (\$\{\w+\}) %\}"', r'"TimeoutSeconds": \1', MACHINE.read_text())


def _functions(template: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for resource in template["Resources"].values():
        # The value of a loop is a list.
        if isinstance(resource, dict) and resource["Type"] == "AWS::Serverless::Function":
            yield resource


def _code_name(function: dict[str, Any]) -> str:
    return PurePosixPath(function["Properties"]["CodeUri"]).name
