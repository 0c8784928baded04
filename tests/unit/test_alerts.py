"""Alerts and dashboard ask for what is measured, fire when they should, and say where to read on."""

import json
import re
from typing import Any, Final, get_args

import yaml
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from stream.metrics import COUNTERS, GAUGES, HISTOGRAMS, PREFIX, Process, PrometheusMetrics
from tests.support.manifests import DEPLOY, ROOT

NAMES: Final = {
    *(PREFIX + name for name in (*COUNTERS, *GAUGES)),
    *(PREFIX + name + end for name in HISTOGRAMS for end in ("_bucket", "_sum", "_count")),
}
METRIC: Final = re.compile(rf"\b{PREFIX}\w+")


def test_alerts_and_dashboard_ask_for_metrics_that_exist() -> None:
    dashboard = json.loads((DEPLOY / "grafana" / "chatwarden.json").read_text())
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    asked += [rule["expr"] for rule in alerts().values()]
    found = {name for expression in asked for name in METRIC.findall(expression)}
    assert len(found) > 10
    assert found <= NAMES


def alerts() -> dict[str, dict[str, Any]]:
    groups = yaml.safe_load((DEPLOY / "alerts" / "chatwarden.yaml").read_text())["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def samples(process: Process) -> list[Sample]:
    """Return what a process that has just started exposes."""
    exposition = PrometheusMetrics(process).exposition().decode()
    return [sample for family in text_string_to_metric_families(exposition) for sample in family.samples]


def test_no_strikes_worker_hides_that_no_worker_is_there() -> None:
    (name,) = METRIC.findall(alerts()["ChatwardenDown"]["expr"])
    assert [sample.labels for sample in samples("worker") if sample.name == name] == [{}]
    assert name not in {sample.name for sample in samples("strikes")}


def test_the_first_of_what_an_alert_counts_is_an_increase() -> None:
    present = [(sample.name, sample.labels) for process in get_args(Process) for sample in samples(process)]
    counted = [
        (name, dict(re.findall(r'(\w+)="(\w+)"', labels)))
        for rule in alerts().values()
        for name, labels in re.findall(r"increase\((\w+)(?:{(.*?)})?\[", rule["expr"])
    ]
    assert len(counted) >= 3
    assert [found for found in counted if found not in present] == []


def test_every_alert_has_a_runbook() -> None:
    headings = {
        re.sub(r"[^\w -]", "", line.lstrip("# ").lower()).strip().replace(" ", "-")
        for line in (ROOT / "docs" / "operations.md").read_text().splitlines()
        if line.startswith("#")
    }
    for rule in alerts().values():
        page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
        assert (ROOT / page).is_file()
        assert anchor in headings, rule["alert"]
