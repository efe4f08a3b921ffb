"""The API answers as its description says, whatever it is asked: schemathesis makes up what, from the description.

Some of it is as described and some is not; a good part is about relocations that are there. What is found is not
asked again in smaller pieces: calls change what they meet, so that the same call may be answered otherwise. All findings
are shown, each with a command that makes its call, once everything has been asked.
"""

import os
from collections import Counter, defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock
from typing import Any
from zlib import crc32

import pytest
import requests
import schemathesis
from jsonschema import Draft202012Validator
from schemathesis.core.failures import FailureGroup
from schemathesis.generation.hypothesis.builder import HypothesisTestConfig, HypothesisTestMode, create_test
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from support.exports import Exports
from support.stock import CUSTOMER, Stock
from support.target import Target

DOCUMENT = "/api/0/openapi.json"
# Another one makes up other calls: `RELOCATE_TEST_SEED=7 tests/run --python -k openapi`.
SEED = int(os.environ.get("RELOCATE_TEST_SEED") or 1)
CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]
AT_LEAST = 2_000
# Who asks, and how often each call is made at most. The first asks for what is at the borders of fields, too.
CALLERS = {"admin": 70, "staff": 10, "customer": 15, "nobody": 5}
# The emulator takes its time with each call, most of which it waits.
AT_ONCE = 4


@dataclass(frozen=True)
class Caller:
    """Somebody who asks."""

    role: str
    headers: dict[str, str]
    query: dict[str, str]


@dataclass
class Talk:
    """What was asked, and what was wrong with the answers."""

    stock: Stock
    # How many answers there were, by operation, role and status.
    answers: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    findings: dict[tuple[str, int, str], str] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def ask_all(self, cases: list[schemathesis.Case], caller: Caller) -> None:
        """Makes calls, one after the other."""
        session = requests.Session()
        for case in cases:
            self.ask(case, caller, session)

    def ask(self, case: schemathesis.Case, caller: Caller, session: requests.Session) -> None:
        """Makes a call and looks at the answer."""
        operation = case.operation.definition.raw["operationId"]
        if not _is_of_another_method(case):
            self.stock.bring_in(operation, case, caller.role)
        response = case.call(session=session, headers=caller.headers, params=caller.query)
        for problem in _problems(case, response, caller):
            command = case.as_curl_command(headers={"Authorization": f"(that of {caller.role})"})
            said = f"{operation} {response.status_code}: {problem}\n{response.text[:400]}\n{command}"
            self.findings.setdefault((operation, response.status_code, problem[:80]), said)
        if not _is_of_another_method(case):
            with self.lock:
                self.answers[operation, caller.role, response.status_code] += 1

    def summary(self) -> str:
        """How many answers of which status each operation had."""
        lines: defaultdict[str, Counter[int]] = defaultdict(Counter)
        for (operation, role, status), count in self.answers.items():
            for name in (operation, f"({role})", "all"):
                lines[name][status] += count
        rows = sorted(lines.items())
        return "\n".join(f"{name:18}{counts.total():5}: {dict(sorted(counts.items()))}" for name, counts in rows)


def _is_of_another_method(case: schemathesis.Case) -> bool:
    """Whether it is a call that is not described: a method that the address does not have."""
    return case.method.upper() != case.operation.method.upper()


def _problems(case: schemathesis.Case, response: schemathesis.Response, caller: Caller) -> list[str]:
    if response.status_code >= 500:
        return ["a server error"]
    if _is_of_another_method(case):
        is_refused = response.status_code in (401, 404, 405)
        return [] if is_refused else ["not refused, though it is no method of the address"]
    try:
        case.validate_response(response, checks=CHECKS, headers=caller.headers)
    except FailureGroup as group:
        return [f"{failure.title}: {failure.message}" for failure in group.exceptions]
    return []


@pytest.fixture(scope="module")
def talk(target: Target, exports: Exports) -> Talk:
    """All that was asked, of each call by each caller."""
    talk = Talk(Stock.laid_in(target, exports))
    document = target.staff.expect(200, "GET", DOCUMENT)
    for caller in callers(target):
        operations = described(document, target, caller).get_all_operations()
        conversations = [_made_up(found.ok(), caller) for found in operations]
        with ThreadPoolExecutor(AT_ONCE) as threads:
            list(threads.map(lambda cases, caller=caller: talk.ask_all(cases, caller), conversations))
    return talk


def callers(target: Target) -> list[Caller]:
    issuer = target.cell.issuer
    tokens = {
        "admin": target.cell.staff_token(),
        "staff": issuer.token(1, "admin", staff=True),
        "customer": issuer.token(CUSTOMER, "customer"),
        "nobody": None,
    }
    name, _, value = target.cell.api_query.partition("=")
    return [
        Caller(role, {"Authorization": f"Bearer {tokens[role]}"} if tokens[role] else {}, {name: value})
        for role in CALLERS
    ]


def described(document: dict[str, Any], target: Target, caller: Caller) -> schemathesis.BaseSchema:
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=target.cell.api)
    schema.config.seed = SEED
    # The emulator takes OPTIONS for a browser's question and answers it itself.
    schema.config.phases.coverage.unexpected_methods = {"get", "put", "post", "delete", "patch", "trace"}
    schema.config.generation.update(
        max_examples=CALLERS[caller.role], no_shrink=True, database="none", with_security_parameters=False
    )
    return schema


def _made_up(operation: schemathesis.APIOperation, caller: Caller) -> list[schemathesis.Case]:
    """All that is made up for a call, as schemathesis's decorator does it, which this version of pytest does not take."""
    cases: list[schemathesis.Case] = []

    def keep(case: schemathesis.Case) -> None:
        cases.append(case)

    config = operation.schema.config
    test = HypothesisTestConfig(
        project=config,
        modes=list(HypothesisTestMode) if caller.role == "admin" else [HypothesisTestMode.FUZZING],
        settings=config.get_hypothesis_settings(operation=operation, phase="fuzzing", apply_ci_profile=False),
        apply_ci_profile=False,
        seed=crc32(f"{SEED} {caller.role} {operation.label}".encode()),
    )
    create_test(operation=operation, test_func=keep, config=test)()
    return cases


def test_every_answer_was_as_described(talk: Talk, record_property: Callable[[str, object], None]) -> None:
    record_property("summary", talk.summary())
    assert not talk.findings, "\n\n".join(talk.findings.values())


def test_the_document_is_openapi(target: Target) -> None:
    document = target.staff.expect(200, "GET", DOCUMENT)
    assert document["openapi"].startswith("3.1.")
    schemathesis.openapi.from_dict(document).validate()
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_enough_was_asked_and_each_call_served_once(target: Target, talk: Talk) -> None:
    assert talk.answers.total() >= AT_LEAST
    paths = target.staff.expect(200, "GET", DOCUMENT)["paths"].values()
    described = {operation["operationId"] for path in paths for operation in path.values()}
    assert {operation for operation, _, status in talk.answers if status < 300} == described
    # Many calls were about something that is there: else nothing but 404 would be looked at.
    not_found = sum(count for (_, _, status), count in talk.answers.items() if status == 404)
    assert not_found < talk.answers.total() / 2
