"""What we deploy by is true to the code: settings exist, commands exist, metrics exist, nothing floats."""

import json
import re
import subprocess
import time
import tomllib
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
import yaml
from typer.main import get_command

from stream import wiring
from stream.cli import app
from stream.environment import ENV_PREFIX, read_environment
from stream.health import AdminServer, Health
from stream.metrics import COUNTERS, GAUGES, HISTOGRAMS, PREFIX
from stream.settings import AdminSettings, Settings, load_settings

ROOT: Final = Path(__file__).parents[2]
DEPLOY: Final = ROOT / "deploy"
IMAGES: Final = sorted(DEPLOY.glob("*.Dockerfile"))
KUBERNETES: Final = sorted((DEPLOY / "kubernetes").rglob("*.yaml"))
COMPOSE: Final[dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: Final[dict[str, dict[str, Any]]] = COMPOSE["services"]
OURS: Final = {name: service for name, service in SERVICES.items() if service["image"].startswith("chatwarden")}


def check_settings(variables: dict[str, str]) -> Settings:
    """Read variables as the program would; an unknown one fails."""
    document: dict[str, dict[str, object]] = {}
    for path, value in read_environment(variables):
        document.setdefault(path[0], {})[".".join(path[1:])] = value
    return Settings.model_validate(document)


def check_command(arguments: list[str]) -> None:
    """Parse a command line without running it; an unknown command or option fails."""
    command: Any = get_command(app)
    for word in arguments:
        if word not in getattr(command, "commands", {}):
            break
        command, arguments = command.commands[word], arguments[1:]
    command.make_context(command.name, list(arguments))


@pytest.mark.parametrize("name", OURS)
def test_compose_sets_what_exists_and_runs_what_exists(name: str) -> None:
    service = OURS[name]
    check_settings({key: str(value) for key, value in service.get("environment", {}).items()})
    if service["image"] == "chatwarden":
        check_command(service["command"])


def test_compose_pins_every_image_and_builds_our_own() -> None:
    built = {service["image"] for service in SERVICES.values() if "build" in service}
    for name, service in SERVICES.items():
        image = service["image"]
        assert image in built or re.fullmatch(r"[a-z/]+:\d[\w.-]*", image), name
        assert (service.get("pull_policy") == "never") is (image in built), name
        if "build" in service:
            assert (ROOT / service["build"]["dockerfile"]).is_file()


def test_images_carry_the_licence_and_its_notice() -> None:
    for path in IMAGES:
        assert {"LICENSE", "NOTICE"} <= set(re.findall(r"^COPY (.+) \./$", path.read_text(), re.M)[0].split())


def test_compose_waits_for_what_exists() -> None:
    for service in SERVICES.values():
        for other, condition in service.get("depends_on", {}).items():
            assert other in SERVICES
            if condition["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[other]
    used = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert used == set(COMPOSE["volumes"])


def test_compose_opens_ports_on_loopback_only_and_takes_rights_away() -> None:
    for service in SERVICES.values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    for name in ("worker", "topics", "chatter"):
        assert SERVICES[name]["cap_drop"] == ["ALL"]
        assert SERVICES[name]["read_only"] is True


@pytest.mark.parametrize("name", ["worker", "strikes"])
def test_compose_lets_metrics_be_read_from_outside(name: str) -> None:
    service = OURS[name]
    settings = check_settings({key: str(value) for key, value in service["environment"].items()})
    assert settings.admin.host == "0.0.0.0"  # noqa: S104 - inside the container
    assert any(port.endswith(f":{settings.admin.port}") for port in service["ports"])


def test_compose_tries_again_what_ends_too_early() -> None:
    assert {name for name, service in OURS.items() if "restart" not in service} == set()
    # What others wait for must come to an end, with success or without.
    assert OURS["topics"]["restart"].startswith("on-failure:")
    ports = [port.rpartition(":")[0] for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(ports) == len(set(ports))


def test_compose_keeps_what_the_broker_writes() -> None:
    kafka = SERVICES["kafka"]
    (volume,) = kafka["volumes"]
    assert kafka["environment"]["KAFKA_LOG_DIRS"] == volume.partition(":")[2]


def test_compose_lets_one_broker_do_transactions() -> None:
    environment = SERVICES["kafka"]["environment"]
    for name in (
        "OFFSETS_TOPIC_REPLICATION_FACTOR",
        "TRANSACTION_STATE_LOG_REPLICATION_FACTOR",
        "TRANSACTION_STATE_LOG_MIN_ISR",
    ):
        assert environment[f"KAFKA_{name}"] == 1


@pytest.mark.parametrize("path", IMAGES, ids=lambda path: path.name)
def test_images_are_pinned_need_no_root_and_copy_what_exists(path: Path) -> None:
    text = path.read_text()
    assert re.findall(r"^USER (\S+)$", text, re.M)[-1] == "10001"
    assert "--require-hashes" in text
    assert not re.search(r"^FROM \S+(:latest| )$", text, re.M)
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    chosen = dict(re.findall(r"^ARG (\w+)=(\S+)$", text, re.M))
    for copied in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.M):
        for source in re.sub(r"\$\{(\w+)\}", lambda name: chosen[name[1]], copied).split():
            assert (ROOT / source).exists()
            assert source.split("/")[0] in allowed


@pytest.mark.parametrize("path", IMAGES, ids=lambda path: path.name)
def test_images_start_what_exists_with_settings_that_exist(path: Path) -> None:
    text = path.read_text()
    program, *entry = json.loads(re.findall(r"^ENTRYPOINT (.+)$", text, re.M)[-1])
    command = re.findall(r"^CMD (.+)$", text, re.M)
    check_command([*entry, *(json.loads(command[-1]) if command else [])])
    assert program == "chatwarden"
    variables = dict(re.findall(rf"({ENV_PREFIX}\w+)=(\S+)", text))
    check_settings(variables)


def asked() -> Iterator[tuple[str, str]]:
    """Yield what asks for an admin page, with its URL."""
    for name, service in OURS.items():
        for url in re.findall(r"http://[^\'\"]+", json.dumps(service.get("healthcheck", {}))):
            yield f"compose {name}", url
    for path in DEPLOY.glob("*.Dockerfile"):
        for url in re.findall(r"^HEALTHCHECK .*?(http://[^\'\"]+)", path.read_text(), re.M):
            yield path.name, url
    for _, container in containers():
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            if page := container.get(probe, {}).get("httpGet"):
                ports = {port["name"]: port["containerPort"] for port in container["ports"]}
                yield f"kubernetes {container['name']} {probe}", f"http://pod:{ports[page['port']]}{page['path']}"


def test_every_probe_asks_for_a_page_that_exists_on_the_port_that_serves_it() -> None:
    health = Health(time.monotonic, 60, ())
    found = dict(asked())
    assert len(found) >= 5
    with AdminServer("127.0.0.1", 0, health, bytes) as admin:
        for who, url in found.items():
            parts = urlsplit(url)
            assert parts.port == AdminSettings().port, who
            with urllib.request.urlopen(f"http://127.0.0.1:{admin.port}{parts.path}", timeout=5) as reply:
                assert reply.status == 200, who


def test_compose_waits_for_a_shutdown_as_long_as_it_may_take() -> None:
    assert int(SERVICES["worker"]["stop_grace_period"].rstrip("s")) > 5
    assert int(SERVICES["strikes"]["stop_grace_period"].rstrip("s")) > Settings().strikes.shutdown_s


def documents() -> Iterator[tuple[Path, dict[str, Any]]]:
    for path in KUBERNETES:
        for document in yaml.safe_load_all(path.read_text()):
            yield path, document


def kustomization(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "kubernetes" / name / "kustomization.yaml").read_text())
    return found


def containers() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield each pod with each of its containers, overlays apart."""
    for path, document in documents():
        spec = document.get("spec", {}) if path.parent.name in ("base", "kubernetes") else {}
        pod: dict[str, Any] = spec.get("template", {}).get("spec", {})
        for container in pod.get("containers", []):
            yield pod, container


def test_kubernetes_objects_are_named_and_every_file_is_in_its_kustomization() -> None:
    for path, document in documents():
        assert document["apiVersion"], path
        assert document["kind"], path
        assert document["kind"] == "Kustomization" or document["metadata"]["name"], path
    for path in (DEPLOY / "kubernetes").rglob("kustomization.yaml"):
        named = yaml.safe_load(path.read_text())
        listed = [*named["resources"], *(patch["path"] for patch in named.get("patches", []))]
        assert all((path.parent / name).exists() for name in listed)
        present = {other.name for other in path.parent.glob("*.yaml")} - {path.name}
        assert present <= set(listed)


def test_kubernetes_configures_what_exists() -> None:
    settings = load_settings(DEPLOY / "kubernetes" / "base" / "chatwarden.toml")
    assert settings.admin.host == "0.0.0.0"  # noqa: S104 - inside the pod
    for _, container in containers():
        names = {entry["name"] for entry in container.get("env", []) if entry["name"].startswith(ENV_PREFIX)}
        for name in names:
            section, key = name.removeprefix(ENV_PREFIX).removesuffix("_FILE").lower().split("__")
            assert key in type(getattr(Settings(), section)).model_fields
        if not container["image"].startswith("chatwarden-strikes"):
            check_command([re.sub(r"\$\(\w+\)", "0", argument) for argument in container["args"]])


def test_kubernetes_floats_no_image() -> None:
    tags = {image["name"]: image["newTag"] for image in kustomization("base")["images"]}
    for _, container in containers():
        name, _, tag = container["image"].partition(":")
        assert re.fullmatch(r"\d+\.\d+\.\d+", tag or tags[name])


def test_kubernetes_gives_both_workers_the_same_secret_key() -> None:
    variable = f"{ENV_PREFIX}PIPELINE__FINGERPRINT_KEY_FILE"
    for name in ("worker", "strikes"):
        ((pod, container),) = ((pod, each) for pod, each in containers() if each["name"] == name)
        (path,) = (each["value"] for each in container["env"] if each["name"] == variable)
        folder, _, key = path.rpartition("/")
        assert key == "fingerprint-key"
        (mount,) = (mount["name"] for mount in container["volumeMounts"] if mount["mountPath"] == folder)
        assert {"name": mount, "secret": {"secretName": "chatwarden"}} in pod["volumes"]


def test_kubernetes_holds_the_classifier_to_the_processors_that_it_requests() -> None:
    (worker,) = (container for _, container in containers() if container["name"] == "worker")
    (threads,) = (each for each in worker["env"] if each["name"] == f"{ENV_PREFIX}MODEL__THREADS")
    assert threads["valueFrom"] == {"resourceFieldRef": {"resource": "requests.cpu"}}
    assert worker["resources"]["requests"]["cpu"] == "2"


def test_what_kubernetes_says_of_a_secured_kafka_holds() -> None:
    base = DEPLOY / "kubernetes" / "base"
    commented = re.findall(r"^# (.*[\]\"])$", (base / "chatwarden.toml").read_text(), re.M)
    table = tomllib.loads("\n".join(commented))["kafka"]["properties"]
    assert set(security_names(table)) == {"sasl.mechanism", "sasl.username", "ssl.ca.location"}
    for name in ("worker.yaml", "strikes.yaml", "topics.yaml"):
        (variable,) = re.findall(r"# +- \{ name: (\w+), value: \S+/kafka-password \}", (base / name).read_text())
        assert variable == f"{ENV_PREFIX}KAFKA__PROPERTIES__SASL_PASSWORD_FILE"


def security_names(properties: dict[str, str]) -> list[str]:
    """Return the names under the protocol; a value that the settings do not take fails."""
    settings = Settings.model_validate({"kafka": {"properties": properties}})
    return [name for name in settings.kafka.properties if name != "security.protocol"]


def test_keda_scales_the_worker_by_the_lag_of_what_it_reads() -> None:
    (scaler,) = (document for _, document in documents() if document["kind"] == "ScaledObject")
    sets = {document["metadata"]["name"]: document for _, document in documents() if document["kind"] == "StatefulSet"}
    assert scaler["spec"]["scaleTargetRef"]["name"] in sets
    (trigger,) = (each["metadata"] for each in scaler["spec"]["triggers"])
    settings = load_settings(DEPLOY / "kubernetes" / "base" / "chatwarden.toml")
    assert trigger["bootstrapServers"] == settings.kafka.bootstrap_servers
    assert (trigger["consumerGroup"], trigger["topic"]) == (settings.kafka.group_id, settings.topics.events)
    (topics,) = (container["args"] for _, container in containers() if container["name"] == "topics")
    assert scaler["spec"]["maxReplicaCount"] == int(topics[topics.index("--partitions") + 1])
    assert scaler["spec"]["minReplicaCount"] >= 1


def test_kubernetes_pods_have_no_rights_and_bounds() -> None:
    found = list(containers())
    assert len(found) == 5
    for pod, container in found:
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["automountServiceAccountToken"] is False
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["resources"]["limits"]["memory"]
        mounted = {mount["name"] for mount in container["volumeMounts"]}
        assert {volume["name"] for volume in pod["volumes"]} <= mounted


NAMES: Final = {
    *(PREFIX + name for name in (*COUNTERS, *GAUGES)),
    *(PREFIX + name + end for name in HISTOGRAMS for end in ("_bucket", "_sum", "_count")),
}
METRIC: Final = re.compile(rf"\b{PREFIX}\w+")


def test_alerts_and_dashboard_ask_for_metrics_that_exist() -> None:
    alerts = (DEPLOY / "alerts" / "chatwarden.yaml").read_text()
    dashboard = json.loads((DEPLOY / "grafana" / "chatwarden.json").read_text())
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    asked += [rule["expr"] for group in yaml.safe_load(alerts)["groups"] for rule in group["rules"]]
    found = {name for expression in asked for name in METRIC.findall(expression)}
    assert len(found) > 10
    assert found <= NAMES


def test_every_alert_has_a_runbook() -> None:
    headings = {
        re.sub(r"[^\w -]", "", line.lstrip("# ").lower()).strip().replace(" ", "-")
        for line in (ROOT / "docs" / "operations.md").read_text().splitlines()
        if line.startswith("#")
    }
    groups = yaml.safe_load((DEPLOY / "alerts" / "chatwarden.yaml").read_text())["groups"]
    for rule in (rule for group in groups for rule in group["rules"]):
        page, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert (ROOT / page).is_file()
        assert anchor in headings, rule["alert"]


def test_the_documentation_names_every_setting_and_every_metric() -> None:
    configuration = (ROOT / "docs" / "configuration.md").read_text()
    for section, field in Settings.model_fields.items():
        for key in getattr(field.annotation, "model_fields", {}):
            assert f"`{section}.{key}`" in configuration
    operations = (ROOT / "docs" / "operations.md").read_text()
    assert [name for name in (*COUNTERS, *GAUGES, *HISTOGRAMS) if f"`{name}`" not in operations] == []


def test_scripts_are_sound() -> None:
    for script in (ROOT / ".ci" / "run", *DEPLOY.rglob("*.sh")):
        assert script.stat().st_mode & 0o111, script
        assert subprocess.run(["sh", "-n", script], check=False).returncode == 0


@pytest.mark.parametrize("path", sorted((DEPLOY / "policies").glob("*.toml")), ids=lambda path: path.name)
def test_example_policies_fit_the_model_that_ships(path: Path) -> None:
    settings = Settings.model_validate({"policy": {"path": path}})
    assert wiring.decider(settings, wiring.load_parts(settings).taxonomy).digest


@pytest.mark.parametrize("path", IMAGES, ids=lambda path: path.name)
def test_what_is_installed_into_an_image_is_locked_and_compiled_as_its_user_may_not_write(path: Path) -> None:
    text = path.read_text()
    installs = re.findall(r"\bpip install .*", text)
    assert len(installs) == 3
    for line in installs:
        # Either every file is vouched for by its hash, or it is our own wheel and the network is not asked.
        assert "--require-hashes" in line or ("--offline --no-deps dist/" in line)
    assert all("--compile-bytecode" in line for line in re.findall(r"\buv pip install .*", text))
    assert "python -m compileall" in text.rpartition("\nFROM ")[2]


@pytest.mark.parametrize("path", IMAGES, ids=lambda path: path.name)
def test_a_change_of_our_code_leaves_the_layer_of_the_dependencies_alone(path: Path) -> None:
    *stages, final = re.split(r"^FROM ", path.read_text(), flags=re.M)[1:]
    copied = {stage.split("\n")[0].split(" AS ")[1]: re.findall(r"^COPY (.+) \S+$", stage, re.M) for stage in stages}
    locked = [source for name in ("tools", "dependencies") for each in copied[name] for source in each.split()]
    assert all(re.fullmatch(r"requirements/[\w${}]+\.txt", source) for source in locked)
    assert not any("dev.txt" in source for source in locked)
    order = re.findall(r"^COPY --from=(\w+) ", final, re.M)
    assert order == ["dependencies", "wheel", "wheel"]


def test_images_build_the_wheel_by_what_the_project_asks_for() -> None:
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    assert (ROOT / "requirements" / "build.in").read_text().split("\n") == [*wanted, ""]
