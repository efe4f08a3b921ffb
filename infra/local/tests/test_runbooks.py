"""Every alarm and every error code has a runbook page, no page is about something that is gone, and what pages and
dashboard look for is written."""

import json
import re
import unittest
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from local_stack import template
from local_stack.paths import ROOT

FOLDER = ROOT / "infra/runbooks"
HEADINGS = ["What it means", "What to look at", "What to do", "When to call whom"]
CODES = re.findall(r'^    \w+, "([a-z-]+)", (?:Permanent|Transient),$', (ROOT / "shared/pipeline/src/code.rs").read_text(), re.M)
METRICS = re.findall(r'^    (\w+), "[\w/]+";$', (ROOT / "shared/runtime/src/metrics.rs").read_text(), re.M)

# What a loop of the template repeats for every one of a kind, a page names once.
KINDS = {"Task": "<Task>", "Function": "<Function>"}


@dataclass(frozen=True)
class Page:
    """A page: its file's name, its text, and what it says it is about."""

    name: str
    text: str

    def about(self, label: str) -> list[str]:
        """What stands behind `Alarms:` or `Codes:`."""
        found = re.search(rf"^{label}: (.*?)\n\n", self.text, re.M | re.S)
        return re.findall(r"`(.+?)`", found[1]) if found else []


def pages() -> list[Page]:
    """All but the index."""
    return [Page(path.name, path.read_text()) for path in sorted(FOLDER.glob("*.md")) if path.name != "README.md"]


def alarms() -> dict[str, dict[str, Any]]:
    """The template's alarms, by the names that pages use."""
    found = dict(resources(template.read()["Resources"]))
    return {name: one["Properties"] for name, one in found.items() if one["Type"] == "AWS::CloudWatch::Alarm"}


def resources(declared: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Those of loops among them."""
    for name, resource in declared.items():
        if not name.startswith("Fn::ForEach"):
            yield name, resource
            continue
        variable, values, repeated = resource
        for value in [KINDS[variable]] if variable in KINDS else values:
            for inner, one in repeated.items():
                yield inner.replace(f"${{{variable}}}", value), one


class Complete(unittest.TestCase):
    def test_every_alarm_has_a_page_which_its_description_names(self) -> None:
        named = {alarm: page.name for page in pages() for alarm in page.about("Alarms")}
        found = alarms()
        self.assertGreater(len(found), 15)
        self.assertEqual(set(named), set(found))
        for alarm, properties in found.items():
            self.assertTrue(properties["AlarmDescription"].endswith(f" infra/runbooks/{named[alarm]}"), alarm)

    def test_every_code_has_a_page(self) -> None:
        self.assertGreater(len(CODES), 50)
        self.assertEqual(sorted(code for page in pages() for code in page.about("Codes")), sorted(CODES))

    def test_nothing_has_two_pages(self) -> None:
        named = Counter(one for page in pages() for label in ("Alarms", "Codes") for one in page.about(label))
        self.assertEqual([one for one, count in named.items() if count > 1], [])

    def test_every_page_is_about_something_and_says_all_of_it(self) -> None:
        for page in pages():
            with self.subTest(page.name):
                self.assertTrue(page.about("Alarms") or page.about("Codes"))
                title, *parts = re.split(r"^## ", page.text, flags=re.M)
                self.assertTrue(title.startswith("# "))
                self.assertEqual([part.split("\n", 1)[0] for part in parts], HEADINGS)
                for part in parts:
                    self.assertTrue(part.split("\n", 1)[1].strip(), part)

    def test_the_index_lists_what_each_page_is_about(self) -> None:
        rows = re.findall(r"^\| (.*) \| \[(.*)\]\((.*)\) \|$", (FOLDER / "README.md").read_text(), re.M)
        listed = sorted((page, title, re.findall(r"`(.+?)`", about)) for about, title, page in rows)
        wanted = []
        for page in pages():
            title = page.text.split("\n", 1)[0].removeprefix("# ")
            wanted += [(page.name, title, one) for one in (page.about("Alarms"), page.about("Codes")) if one]
        self.assertEqual(listed, sorted(wanted))


class References(unittest.TestCase):
    """What pages and dashboard refer to is there."""

    def test_links_lead_somewhere(self) -> None:
        for path in FOLDER.glob("*.md"):
            for link in re.findall(r"\]\(([^)]+)\)", path.read_text()):
                target, _, heading = link.partition("#")
                self.assertTrue((FOLDER / target).is_file(), f"{path.name}: {link}")
                if heading:
                    headings = re.findall(r"^## (.*)$", (FOLDER / target).read_text(), re.M)
                    self.assertIn(heading, [one.lower().replace(" ", "-") for one in headings], path.name)

    def test_queries_look_for_messages_that_are_logged(self) -> None:
        sources = [*ROOT.glob("functions/*/src/**/*.rs"), *ROOT.glob("shared/*/src/**/*.rs")]
        code = "\n".join(path.read_text() for path in sources)
        asked = set()
        for page in pages():
            for condition in re.findall(r'message (?:= |in \[)("[^\]\n|]*")', page.text):
                asked |= set(re.findall(r'"([^"]+)"', condition))
        self.assertGreater(len(asked), 3)
        self.assertEqual({message for message in asked if f'"{message}"' not in code}, set())

    def test_files_that_pages_name_are_there(self) -> None:
        for page in pages():
            for path in re.findall(r"`((?:infra|functions|shared)/[\w./-]+)`", page.text):
                self.assertTrue((ROOT / path).is_file(), f"{page.name}: {path}")

    def test_metrics_are_those_that_functions_write_and_each_is_shown(self) -> None:
        self.assertGreater(len(METRICS), 5)
        watched = {one["MetricName"] for one in alarms().values() if one["Namespace"] == "Relocation"}
        self.assertLessEqual(watched, set(METRICS))
        body = template.read()["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::ToJsonString"]
        text = json.dumps(body)
        shown = set(re.findall(r'\["Relocation", "(\w+)"', text))
        shown |= set(re.findall(r'\{Relocation,cell,(?:task|key)\} MetricName=\\"(\w+)\\"', text))
        self.assertEqual(shown, set(METRICS))

    def test_widgets_do_not_overlap(self) -> None:
        body = template.read()["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::ToJsonString"]
        cells = Counter()
        for one in body["widgets"]:
            self.assertLessEqual(one["x"] + one["width"], 24)
            across, down = range(one["width"]), range(one["height"])
            cells.update((one["x"] + column, one["y"] + row) for column in across for row in down)
        self.assertEqual(max(cells.values()), 1)
