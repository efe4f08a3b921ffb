"""A function that only answers, for tests of the state machine. It runs as the `bootstrap` of every function.

What it answers stands in the relocation's uuid, which is no uuid here: `pause:preprocessing_scan` pauses there.
"""

import json
import os
import urllib.request

import boto3

INVOCATION = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/invocation"
TABLE = os.environ["RELOCATIONS_TABLE"]
LOOPS = 3

dynamodb = boto3.client("dynamodb")
states = boto3.client("stepfunctions")


def handle(message: dict) -> None:
    """Notes the visit and answers its token; a message without one tells of a failed run."""
    if "token" in message:
        note = "/".join(str(message[key]) for key in ("task", "turn", "build") if key in message)
    else:
        note = f"failed/{message['error']}"
    dynamodb.put_item(TableName=TABLE, Item={"pk": {"S": message["uuid"]}, "sk": {"S": note}})
    if "token" in message and (given := answer(message)):
        states.send_task_success(taskToken=message["token"], output=json.dumps(given))


def answer(message: dict) -> dict | None:
    """The answer to a visit; none leaves the token open."""
    task, turn = message["task"], message["turn"]
    how, _, where = message["uuid"].split("/")[0].partition(":")
    given = {"outcome": "next", "next": None, "turn": turn, "waitSeconds": 0, "code": None, "build": None}
    if task == "validating_start":
        given["build"] = f"build-{turn}"
    if task != where:
        return given
    if how == "silence":
        return None
    if how == "again" and turn < LOOPS:
        return given | {"outcome": "again", "turn": turn + 1}
    if how == "back" and turn < LOOPS:
        return given | {"next": "validating_start", "turn": turn + 1}
    if how in ("paused", "stopped", "failed"):
        return given | {"outcome": how}
    return given


while True:
    with urllib.request.urlopen(f"{INVOCATION}/next") as request:
        invocation = request.headers["Lambda-Runtime-Aws-Request-Id"]
        event = json.load(request)
    for record in event.get("Records", []):
        handle(json.loads(record["body"]))
    print("answered")
    response = urllib.request.Request(f"{INVOCATION}/{invocation}/response", data=b"{}", method="POST")
    urllib.request.urlopen(response).close()
