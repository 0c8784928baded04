"""The manifests: what they set and run exists, they give no rights, and nothing in them floats."""

import re
import tomllib
from typing import Final

import yaml

from stream.environment import ENV_PREFIX
from stream.errors import ConfigError, LimitsExceeded
from stream.settings import Settings, load_settings
from tests.support.manifests import KUBERNETES, check_command, containers, documents, kustomization

BASE: Final = KUBERNETES / "base"


def test_kubernetes_objects_are_named_and_every_file_is_in_its_kustomization() -> None:
    for path, document in documents():
        assert document["apiVersion"], path
        assert document["kind"], path
        assert document["kind"] == "Kustomization" or document["metadata"]["name"], path
    for path in (KUBERNETES).rglob("kustomization.yaml"):
        named = yaml.safe_load(path.read_text())
        listed = [*named["resources"], *(patch["path"] for patch in named.get("patches", []))]
        assert all((path.parent / name).exists() for name in listed)
        present = {other.name for other in path.parent.glob("*.yaml")} - {path.name}
        assert present <= set(listed)


def test_kubernetes_configures_what_exists() -> None:
    settings = load_settings(BASE / "chatwarden.toml")
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
    commented = re.findall(r"^# (.*[\]\"])$", (BASE / "chatwarden.toml").read_text(), re.M)
    table = tomllib.loads("\n".join(commented))["kafka"]["properties"]
    assert set(security_names(table)) == {"sasl.mechanism", "sasl.username", "ssl.ca.location"}
    for name in ("worker.yaml", "strikes.yaml", "topics.yaml"):
        (variable,) = re.findall(r"# +- \{ name: (\w+), value: \S+/kafka-password \}", (BASE / name).read_text())
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
    settings = load_settings(BASE / "chatwarden.toml")
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


def test_kubernetes_tries_again_only_what_may_turn_out_otherwise() -> None:
    jobs = {document["metadata"]["name"]: document["spec"] for _, document in documents() if document["kind"] == "Job"}
    (merging,) = jobs["backtest-merge"]["podFailurePolicy"]["rules"]
    assert merging["action"] == "FailJob"
    assert set(merging["onExitCodes"]["values"]) == {LimitsExceeded.exit_code, ConfigError.exit_code}
    (evicted,) = jobs["backtest"]["podFailurePolicy"]["rules"]
    assert evicted["action"] == "Ignore"
    # While a pod shuts down it holds the lock of its shard, at which its successor would fail.
    assert jobs["backtest"]["podReplacementPolicy"] == "Failed"
    # The API refuses these policies otherwise.
    assert all(jobs[name]["template"]["spec"]["restartPolicy"] == "Never" for name in ("backtest", "backtest-merge"))
