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

from stream import wiring
from stream.environment import ENV_PREFIX
from stream.health import AdminServer, Health
from stream.metrics import COUNTERS, GAUGES, HISTOGRAMS
from stream.settings import AdminSettings, Settings
from tests.support.manifests import DEPLOY, ROOT, check_command, check_settings, containers

IMAGES: Final = sorted(DEPLOY.glob("*.Dockerfile"))
COMPOSE: Final[dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: Final[dict[str, dict[str, Any]]] = COMPOSE["services"]
OURS: Final = {name: service for name, service in SERVICES.items() if service["image"].startswith("chatwarden")}


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
