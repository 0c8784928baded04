"""Settings: precedence, unknown keys, secrets from files, secrets never shown."""

from pathlib import Path

import pytest

from model.resolver import Text
from stream.cache import Sealer
from stream.errors import ConfigError
from stream.settings import Settings, load_settings
from stream.strikes.tally import pseudonyms


@pytest.fixture(autouse=True)
def _no_settings_around(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in os.environ:
        if name.startswith("CHATWARDEN__"):
            monkeypatch.delenv(name)


def write(folder: Path, text: str) -> Path:
    path = folder / "chatwarden.toml"
    path.write_text(text)
    return path


def test_defaults_need_nothing() -> None:
    assert load_settings() == Settings()


def test_the_command_line_beats_the_environment_beats_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = write(
        tmp_path, '[kafka]\ngroup_id = "file"\nbootstrap_servers = "file:1"\ntransactional_id_prefix = "file"\n'
    )
    monkeypatch.setenv("CHATWARDEN__KAFKA__GROUP_ID", "environment")
    monkeypatch.setenv("CHATWARDEN__KAFKA__BOOTSTRAP_SERVERS", "environment:1")
    kafka = load_settings(config, {"kafka.group_id": "line", "kafka.group_protocol": None}).kafka
    assert (kafka.group_id, kafka.bootstrap_servers, kafka.transactional_id_prefix) == ("line", "environment:1", "file")
    assert kafka.group_protocol == "classic"


def test_variables_take_numbers_lists_and_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATWARDEN__PIPELINE__CHUNK_SIZE", "64")
    monkeypatch.setenv("CHATWARDEN__PIPELINE__RESOLVERS", "rules, classifier")
    monkeypatch.setenv("CHATWARDEN__POLICY__PACKS", '{ arena = "shooter" }')
    monkeypatch.setenv("CHATWARDEN__KAFKA__PROPERTIES", '{ "linger.ms" = 7, "client.rack" = "a" }')
    monkeypatch.setenv("CHATWARDEN__KAFKA__PROPERTIES__SASL_PASSWORD", "hush")
    settings = load_settings()
    assert settings.pipeline.chunk_size == 64
    assert settings.pipeline.resolvers == ("rules", "classifier")
    assert settings.policy.packs == {"arena": "shooter"}
    assert settings.kafka.properties == {"linger.ms": 7, "client.rack": "a", "sasl.password": "hush"}


def test_tables_of_file_and_environment_are_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = write(tmp_path, '[kafka.properties]\n"linger.ms" = 1\n"client.rack" = "a"\n')
    monkeypatch.setenv("CHATWARDEN__KAFKA__PROPERTIES", '{ "linger.ms" = 2 }')
    assert load_settings(config).kafka.properties == {"linger.ms": 2, "client.rack": "a"}


@pytest.mark.parametrize(
    ("key", "other", "name"),
    [
        ("topics.dead_letters", "topics.events", "chat.events"),
        ("strikes.dead_letters", "topics.verdicts", "moderation.verdicts"),
        ("strikes.erasures", "strikes.channels", "moderation.channels"),
    ],
)
def test_each_role_has_a_topic_of_its_own(key: str, other: str, name: str) -> None:
    with pytest.raises(ConfigError, match=f"{other} and {key} are both '{name}'; give each a topic of its own"):
        load_settings(None, {key: name})


def test_a_secret_may_stand_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = tmp_path / "redis"
    secret.write_text("redis://:pass word@host/0\n")
    monkeypatch.setenv("CHATWARDEN__REDIS__URL_FILE", str(secret))
    monkeypatch.setenv("CHATWARDEN__KAFKA__PROPERTIES__SASL_PASSWORD_FILE", str(secret))
    settings = load_settings()
    assert settings.redis.url.get_secret_value() == "redis://:pass word@host/0"
    assert settings.kafka.properties["sasl.password"] == "redis://:pass word@host/0"


def test_a_secret_given_twice_or_missing_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATWARDEN__REDIS__URL_FILE", str(tmp_path / "nowhere"))
    with pytest.raises(ConfigError, match="REDIS__URL_FILE: cannot read"):
        load_settings()
    (tmp_path / "nowhere").write_text("redis://host")
    monkeypatch.setenv("CHATWARDEN__REDIS__URL", "redis://other")
    with pytest.raises(ConfigError, match=r"redis\.url is set by another variable"):
        load_settings()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("CHATWARDEN__KAFKA__GRUOP_ID", "x", r"kafka\.gruop_id: unknown key; did you mean kafka\.group_id\?"),
        ("CHATWARDEN__KAFAK__GROUP_ID", "x", "kafak: unknown key"),
        ("CHATWARDEN__KAFKA", "x", "kafka: "),
        ("CHATWARDEN__KAFKA__GROUP_ID__X", "x", r"kafka\.group_id: Input should be a valid string"),
        ("CHATWARDEN__PIPELINE__CHUNK_SIZE", "many", r"pipeline\.chunk_size: .*CHATWARDEN__PIPELINE__CHUNK_SIZE"),
        ("CHATWARDEN__PIPELINE__RESOLVERS", "rules,oracle", r"pipeline\.resolvers\.1"),
        ("CHATWARDEN__KAFKA__PROPERTIES", "linger=5", "KAFKA__PROPERTIES: not a TOML inline table"),
    ],
)
def test_what_is_wrong_in_the_environment_is_named(
    name: str, value: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=message):
        load_settings()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[kafka\n", r"chatwarden\.toml: "),
        ('[kafka]\ngroup = "x"\n', r"kafka\.group: unknown key; did you mean kafka\.group_id\?"),
        ("[admin]\nport = 70000\n", r"admin\.port: .*chatwarden\.toml"),
    ],
)
def test_what_is_wrong_in_the_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_settings(write(tmp_path, text))


def test_a_missing_file_is_named() -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml"):
        load_settings(Path("nowhere.toml"))


def test_secrets_never_show() -> None:
    settings = Settings.model_validate(
        {
            "redis": {"url": "redis://:hush@host"},
            "pipeline": {"fingerprint_key": "hush"},
            "kafka": {"properties": {"sasl.password": "hush"}},
        }
    )
    assert "hush" not in repr(settings)
    assert "hush" not in str(settings)
    assert "hush" not in settings.model_dump_json(exclude={"kafka": {"properties"}})


@pytest.mark.parametrize("key", ["", "hush" * 17, "hüsch" * 11])
def test_a_key_that_no_digest_takes_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(
        ConfigError, match=r"^pipeline\.fingerprint_key: a key is 1 to 64 bytes long in UTF-8"
    ) as caught:
        load_settings(None, {"pipeline.fingerprint_key": key})
    assert "hush" not in str(caught.value)


def test_the_longest_key_is_one_for_every_digest() -> None:
    key = load_settings(None, {"pipeline.fingerprint_key": "k" * 64}).pipeline.fingerprint_key
    longest = key.get_secret_value().encode()
    assert Sealer(longest, "scorer", 2).key(Text("hello")) != Sealer(longest[:-1], "scorer", 2).key(Text("hello"))
    assert pseudonyms(longest)("p1") != pseudonyms(longest[:-1])("p1")


def test_nobody_taking_part_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"pipeline\.resolvers: .*at least 1 item"):
        load_settings(None, {"pipeline.resolvers": []})


def test_a_variable_with_one_underscore_too_few_is_asked_about(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("CHATWARDEN_KAFKA_GROUP_ID", "mine")
    monkeypatch.setenv("CHATWARDEN_TEST_KAFKA", "not a setting's name")
    assert load_settings().kafka.group_id == "chatwarden"
    assert caplog.messages == ["CHATWARDEN_KAFKA_GROUP_ID sets nothing; did you mean CHATWARDEN__KAFKA__GROUP_ID?"]


def test_a_mistyped_section_is_answered_with_the_nearest_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATWARDEN__KAFFKA__GROUP_ID", "mine")
    with pytest.raises(ConfigError, match=r"^kaffka: unknown key; did you mean kafka\?"):
        load_settings()


def test_a_wrong_entry_of_a_list_names_the_variable_of_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATWARDEN__PIPELINE__RESOLVERS", "rules,gates")
    with pytest.raises(
        ConfigError, match=r"^pipeline\.resolvers\.1: .*'gate'.*\(from CHATWARDEN__PIPELINE__RESOLVERS or"
    ):
        load_settings()


def test_a_file_that_is_not_there_or_not_toml_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^--config nowhere\.toml: No such file or directory$"):
        load_settings(Path("nowhere.toml"))
    with pytest.raises(ConfigError, match=r"^--config .*chatwarden\.toml: not TOML: .*line 1"):
        load_settings(write(tmp_path, "[kafka\n"))


@pytest.mark.parametrize("servers", ["", " ", "a,", "a:9092;b:9092", "no port here", "a:b", "a:123456", "::1:9092"])
def test_what_is_no_list_of_servers_is_refused(servers: str) -> None:
    with pytest.raises(ConfigError, match=r"kafka\.bootstrap_servers: write host:port"):
        load_settings(overrides={"kafka.bootstrap_servers": servers})


@pytest.mark.parametrize("servers", ["a", "a:9092,b-1.example:9093", "a:1, b:2", "[::1]:9092", "SASL_SSL://a:9092"])
def test_a_list_of_servers_is_taken_as_it_is(servers: str) -> None:
    assert load_settings(overrides={"kafka.bootstrap_servers": servers}).kafka.bootstrap_servers == servers


@pytest.mark.parametrize("key", ["kafka.group_id", "kafka.transactional_id_prefix"])
def test_an_empty_name_is_refused(key: str) -> None:
    with pytest.raises(ConfigError, match=key):
        load_settings(overrides={key: ""})


def test_a_fault_in_the_file_is_named_by_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = write(tmp_path, '[pipeline]\nchunk_size = "many"\n[kafka]\ngroup_idd = "x"\n[redis]\n')
    monkeypatch.setenv("CHATWARDEN__REDIS__TTL_S", "soon")
    with pytest.raises(ConfigError) as caught:
        load_settings(config)
    chunk, group, redis = sorted(str(caught.value).splitlines(), key=lambda line: "kafka redis".find(line[:5]))
    assert chunk.startswith("pipeline.chunk_size: ")
    assert f"(from {config}:2, CHATWARDEN__PIPELINE__CHUNK_SIZE or" in chunk
    assert f"(from {config}:4, CHATWARDEN__KAFKA__GROUP_IDD or" in group
    assert "(from CHATWARDEN__REDIS__TTL_S or" in redis


@pytest.mark.parametrize("name", ["", ".", "..", "chat events", "chat/events", "ü", "x" * 250])
def test_a_name_that_no_topic_can_have_is_refused(tmp_path: Path, name: str) -> None:
    for key in ("topics.events", "strikes.audit"):
        with pytest.raises(ConfigError, match=rf"{key}: a topic's name is"):
            load_settings(overrides={key: name})


@pytest.mark.parametrize(
    "key", ["pipeline.chunk_size", "pipeline.gate_keeps", "strikes.shutdown_s", "redis.ttl_s", "kafka.group_id"]
)
def test_true_is_no_number_and_no_text(tmp_path: Path, key: str) -> None:
    section, name = key.split(".")
    with pytest.raises(ConfigError, match=rf"{key}: must be a number or text, not true or false"):
        load_settings(write(tmp_path, f"[{section}]\n{name} = true\n"))
