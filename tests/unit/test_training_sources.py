import gzip
import json
from pathlib import Path

import pytest

from model.training.sources import Example, read_public, read_table
from model.training.tables import SourceError

HEADER = "message,label\n"


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_every_format_gives_the_same_examples(tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    rows = [{"said": "GG  wp", "kind": "ok", "game": "1"}, {"said": "you, dog", "kind": "bad", "game": "2"}]
    files = [
        write(tmp_path / "a.csv", 'said,kind,game\nGG  wp,ok,1\n"you, dog",bad,2\n'),
        write(tmp_path / "a.tsv", "said\tkind\tgame\nGG  wp\tok\t1\nyou, dog\tbad\t2\n"),
        write(tmp_path / "a.jsonl", "".join(json.dumps(row) + "\n" for row in rows)),
    ]
    packed = tmp_path / "a.csv.gz"
    packed.write_bytes(gzip.compress(files[0].read_bytes()))
    table = tmp_path / "a.parquet"
    parquet.write_table(pa.Table.from_pylist(rows), table)
    expected = [Example("gg wp", ("ok",), "mine", "1"), Example("you, dog", ("bad",), "mine", "2")]
    for file in [*files, packed, table]:
        assert read_table(file, text="said", label="kind", match="game", source="mine") == expected


def test_rows_without_text_are_left_out_and_labels_are_optional(tmp_path: Path) -> None:
    file = write(tmp_path / "chat.csv", "text\n\u200b\nhello\n")
    assert read_table(file, text="text") == [Example("hello", (), "chat")]


def test_an_unknown_source_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="gametox"):
        read_public(tmp_path, "nowhere")


def test_gametox_rows_without_label_are_left_out(tmp_path: Path) -> None:
    write(tmp_path / "gametox_train.csv", HEADER + "push D4,0\nwhat,\nyou bot,1\n")
    assert [(e.text, e.labels) for e in read_public(tmp_path, "gametox")] == [("push d4", ("0",)), ("you bot", ("1",))]


def test_conda_keeps_the_match_and_tells_aimed_abuse_from_venting(tmp_path: Path) -> None:
    write(
        tmp_path / "conda_train.csv",
        "match_id,conversation_id,seconds,player_slot,utterance,intent,slot_tokens\n"
        '5,1,10,2,you dog [SEPA] ha,E,"you (P), dog (T), [SEPA] (SEPA), ha (O), "\n'
        '5,1,11,2,damn,E,"damn (T), "\n'
        '6,2,12,3,end,A,"end (D), "\n',
    )
    examples = read_public(tmp_path, "conda")
    assert [(e.text, e.labels, e.match) for e in examples] == [
        ("you dog ha", ("E aimed",), "5"),
        ("damn", ("E at nobody",), "5"),
        ("end", ("A",), "6"),
    ]


def test_jigsaw_comments_keep_all_their_labels(tmp_path: Path) -> None:
    header = "origin,comment_text,toxic,severe_toxic,obscene,threat,insult,identity_hate"
    rows = f"{header}\na,Dog!,1,0,0,0,1,0\na,Hello,0,0,0,0,0,0\n"
    (tmp_path / "jigsaw_six_labels.csv.gz").write_bytes(gzip.compress(rows.encode()))
    assert [e.labels for e in read_public(tmp_path, "jigsaw")] == [("insult", "toxic"), ("none",)]
