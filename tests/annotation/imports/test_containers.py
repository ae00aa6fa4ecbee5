"""Whatever the container, the records come out; whatever is wrong, its place is named."""

import io
import json
import random
import struct
import zipfile
from typing import Any

import pytest
import zstandard

from annotation.imports.formats.limits import Limits
from annotation.imports.formats.refusals import FileRefused
from tests.annotation.imports.files import (
    csv_file,
    gz,
    json_list,
    jsonl,
    opened,
    outcomes,
    parquet,
    zst,
)

RECORDS = [
    {"instruction": f"Name {number} rivers. \u2028 Ω", "input": "", "output": 'Rhine, {"[\\'}
    for number in range(5)
]
HEADER = ["instruction", "input", "output"]
TABLE = [HEADER, *[[record[key] for key in HEADER] for record in RECORDS]]
CONTAINERS = {
    "x.jsonl": jsonl(*RECORDS),
    "x.json": json_list(*RECORDS),
    "pretty.json": json_list(*RECORDS, indent=2),
    "lines.json": jsonl(*RECORDS),
    "no-ending": jsonl(*RECORDS),
    "x.csv": csv_file(*TABLE),
    "semicolon.csv": csv_file(*TABLE, delimiter=";"),
    "x.tsv": csv_file(*TABLE, delimiter="\t"),
    "x.parquet": parquet(*RECORDS),
}


@pytest.mark.parametrize("name", CONTAINERS)
@pytest.mark.parametrize("compress", [bytes, gz, zst], ids=["plain", "gz", "zst"])
def test_rule_9_every_container_gives_the_same_rows(name: str, compress: Any) -> None:
    ending = {bytes: "", gz: ".gz", zst: ".zst"}[compress]
    good, refused = outcomes(compress(CONTAINERS[name]), name + ending)
    assert not refused
    assert [item.rows[0].text for item in good] == [record["output"] for record in RECORDS]
    assert good[3].rows[0].prompt.messages[0].content == RECORDS[3]["instruction"]


def test_the_compression_is_told_by_the_bytes_and_not_by_the_name() -> None:
    good, _ = outcomes(gz(jsonl(*RECORDS)), "x.jsonl")
    assert len(good) == 5
    assert opened(gz(jsonl(*RECORDS)), "x.jsonl").container.compression == "gzip"


def test_it_reads_several_members_of_gzip_and_zstd() -> None:
    for compress in (gz, zst):
        data = compress(jsonl(*RECORDS[:2])) + compress(jsonl(*RECORDS[2:]))
        assert len(outcomes(data, "x.jsonl")[0]) == 5


def test_a_list_in_tiny_chunks_is_cut_at_the_same_places(monkeypatch: pytest.MonkeyPatch) -> None:
    from annotation.imports.formats import compressed

    expected, _ = outcomes(json_list(*RECORDS, indent=1), "x.json")
    for chunk in (1, 2, 3, 7):
        monkeypatch.setattr(compressed, "CHUNK", chunk)
        found, _ = outcomes(json_list(*RECORDS, indent=1), "x.json")
        assert found == expected


def test_lines_and_offsets_lead_back_to_the_record() -> None:
    data = b"\xef\xbb\xbf" + jsonl(RECORDS[0]) + b"\r\n" + b'{"broken": \n' + jsonl(RECORDS[1])
    good, refused = outcomes(data, "x.jsonl")
    assert [item.line for item in good] == [1, 4]
    assert refused[0].line == 3
    assert data[refused[0].offset :].startswith(b'{"broken"')
    assert refused[0].original == b'{"broken":'
    pretty = json_list(*RECORDS, indent=1)
    for item in outcomes(pretty, "x.json")[0]:
        assert pretty[item.offset : item.offset + 1] == b"{"
        assert pretty[: item.offset].count(b"\n") + 1 == item.line


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b'{"instruction": "a\xff"}', "not valid UTF-8"),
        (b'{"instruction": "\xed\xa0\x80"}', "not valid UTF-8"),
        (b'{"instruction": "a\\u0000b", "output": "c"}', "NUL character"),
        (b'{"instruction": "a\x00b"}', "NUL byte"),
        (b'{"instruction": "\\ud800", "output": "c"}', "lone surrogate (\\ud800)"),
        (b'{"instruction": "\\ude00\\ud83d"}', "lone surrogate"),
        (b'{"instruction": NaN}', "NaN"),
        (b'{"instruction": -Infinity}', "-Infinity"),
        (b'{"score": 1e999}', "too large"),
        (b'{"score": ' + b"9" * 5000 + b"}", "too large"),
        (b'{"a": ' + b"[" * 100 + b"]" * 100 + b"}", "more than 64 levels"),
        (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "more than 64 levels"),
        (b"[" * 100_000, "more than 64 levels"),
        (b'{"instruction": "a", "output": "b", "output": "c"}', "'output' twice"),
        (b'{"instruction" : "a", "output" : "b", "output" : "c"}', "'output' twice"),
        (b'{"instruction": "a", "output": "b"', "cut off"),
        (b'{"instruction": "a", "output": "b', "cut off"),
        (b'{"instruction": "a"} {"output": "b"}', "not JSON"),
        (b"[1, 2]", "should be an object"),
        (b"null", "should be an object"),
    ],
)
def test_a_bad_line_is_refused_by_name_and_its_neighbours_are_kept(line: bytes, words: str) -> None:
    good, refused = outcomes(jsonl(RECORDS[0]) + line + b"\n" + jsonl(RECORDS[1]), "x.jsonl")
    assert len(good) == 2
    assert [item.line for item in refused] == [2]
    assert words in refused[0].reason
    assert refused[0].original == line


def test_a_whole_pair_of_surrogates_is_a_character() -> None:
    good, _ = outcomes(b'{"instruction": "\\ud83d\\ude00", "output": "\\\\ud800"}', "x.jsonl")
    assert good[0].rows[0].text == "\\ud800"
    assert good[0].rows[0].prompt.messages[0].content == "😀"


def test_text_about_json_is_not_taken_for_a_double_key() -> None:
    record = {"instruction": 'Write {"a":1,"a":2} \\u0000', "output": '"x":"y"'}
    assert len(outcomes(jsonl(record), "x.jsonl")[0]) == 1


@pytest.mark.parametrize("at", [1, 10, 40, -1, -9])
def test_a_truncated_stream_says_that_the_file_is_incomplete(at: int) -> None:
    for compress in (gz, zst):
        whole = compress(jsonl(*RECORDS * 50))
        with pytest.raises(FileRefused, match=r"incomplete|damaged|empty|none of|No record"):
            outcomes(whole[:at], "x.jsonl")


def test_a_flipped_bit_in_a_stream_is_noticed() -> None:
    for compress in (gz, lambda data: zstandard.ZstdCompressor(write_checksum=True).compress(data)):
        whole = bytearray(compress(jsonl(*[{**RECORDS[0], "id": n} for n in range(300)])))
        whole[len(whole) // 2] ^= 0x10
        with pytest.raises(FileRefused):
            outcomes(bytes(whole), "x.jsonl")


@pytest.mark.parametrize("compress", [gz, zst])
def test_a_bomb_is_stopped_early(compress: Any) -> None:
    bomb = compress(jsonl(*RECORDS) + b" " * 30_000_000)
    with pytest.raises(FileRefused, match="bomb"):
        outcomes(bomb, "x.jsonl", limits=Limits(expansion_from=4_000_000, expansion=500))
    assert len(outcomes(bomb, "x.jsonl")[0]) == 5  # the control: the default limits allow this


@pytest.mark.parametrize(
    ("start", "words"),
    [
        (b"PK\x03\x04rest", "zip archive"),
        (b"BZh91AY", "bzip2"),
        (b"\x80\x04\x95\x00", "pickle"),
        (json.dumps(RECORDS).encode("utf-16"), "UTF-16"),
        (json.dumps(RECORDS).encode("utf-16-le"), "UTF-16"),
        (gz(gz(b"{}")), "compressed twice"),
        (b"", "empty"),
        (b"\xef\xbb\xbf \n", "empty"),
        (b"hello", "none of"),
        (b"%PDF-1.7", "PDF"),
    ],
)
def test_what_is_no_data_file_is_refused_by_its_name(start: bytes, words: str) -> None:
    with pytest.raises(FileRefused, match=words):
        opened(start, "x.bin")


def test_a_zip_archive_is_never_opened() -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as whole:
        whole.writestr("../../etc/passwd", "x")
    with pytest.raises(FileRefused, match="zip archive"):
        opened(archive.getvalue(), "x.jsonl")


@pytest.mark.parametrize(
    ("text", "words", "line"),
    [
        ('[{"instruction": "a", "output": "b"},\n{"instruction": "c"', "middle of the item", 2),
        ('[{"instruction": "a", "output": "b"}\n', "not closed", 2),
        ('[{"instruction": "a", "output": "b"},\n]', "comma", 2),
        ('[{"instruction": "a", "output": "b"}\n{"instruction": "a", "output": "b"}]', "comma", 2),
        ('[{"instruction": "a", "output": "b"}]\n tail', "follows", 2),
        ('[{"instruction": "a", "output": "b"}, "never closed]', "middle of the item", 1),
        ("[", "not closed", 1),
        ("[}", "closing bracket", 1),
    ],
)
def test_a_broken_list_is_refused_with_its_line(text: str, words: str, line: int) -> None:
    with pytest.raises(FileRefused, match=words) as caught:
        outcomes(text.encode(), "x.json")
    assert caught.value.line == line


def test_a_bad_item_of_a_list_does_not_take_its_neighbours_along() -> None:
    text = '[{"instruction":"a","output":"b"},\n{"instruction":"a",},\n7,\n"x",\n'
    text += '{"instruction":"c","output":"d"}]'
    good, refused = outcomes(text.encode(), "x.json")
    assert [item.line for item in good] == [1, 5]
    assert [item.line for item in refused] == [2, 3, 4]


def test_an_item_without_end_is_stopped_at_the_limit() -> None:
    limits = Limits(record_bytes=1000)
    for end in (b'"}]', b""):
        data = json_list(RECORDS[0])[:-1] + b', {"instruction": "' + b"x" * 5000 + end
        with pytest.raises(FileRefused, match="larger than 1,000 bytes"):
            outcomes(data, "x.json", limits=limits)


def test_an_overlong_line_is_refused_alone() -> None:
    limits = Limits(record_bytes=1000, kept_of_a_refused_record=100)
    long_line = b'{"instruction": "' + b"x" * 700_000 + b'"}\n'
    data = jsonl(RECORDS[0]) + long_line + jsonl(RECORDS[1])
    good, refused = outcomes(data, "x.jsonl", limits=limits)
    assert [item.line for item in good] == [1, 3]
    assert good[1].offset == len(jsonl(RECORDS[0])) + len(long_line)
    assert (refused[0].line, len(refused[0].original)) == (2, 100)


def test_too_many_records_and_too_many_bytes_are_refused() -> None:
    with pytest.raises(FileRefused, match="more than 3 records") as caught:
        outcomes(jsonl(*RECORDS), "x.jsonl", limits=Limits(records=3))
    assert caught.value.line == 4
    with pytest.raises(FileRefused, match="more than 100 bytes"):
        outcomes(jsonl(*RECORDS), "x.jsonl", limits=Limits(file_bytes=100))


def test_a_limit_below_one_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="depth"):
        Limits(depth=0)


def test_csv_records_over_several_lines_are_counted_by_their_first() -> None:
    data = b'instruction,output\r\n"a\r\nb",c\r\n\r\nd,e,f\r\n"g""h",i\r\nj,\xff\r\nk,"l\r\n'
    good, refused = outcomes(data, "x.csv")
    assert [(item.line, item.rows[0].text) for item in good] == [(2, "c"), (6, "i")]
    assert good[0].rows[0].prompt.messages[0].content == "a\r\nb"
    assert [item.line for item in refused] == [5, 7, 8]
    assert "3 fields where the header has 2" in refused[0].reason
    assert refused[0].original == b"d,e,f"
    assert (refused[1].path, refused[1].reason) == ("output", "is not valid UTF-8")
    assert "never closed" in refused[2].reason


@pytest.mark.parametrize(
    ("header", "words"), [(b"a,a,b\n1,2,3\n", "'a' twice"), (b"a,,b\n1,2,3\n", "has no name")]
)
def test_a_header_without_clear_names_is_refused(header: bytes, words: str) -> None:
    with pytest.raises(FileRefused, match=words):
        outcomes(header, "x.csv", columns={"prompt": "a"})


def test_a_quote_in_a_tab_file_is_a_letter_like_any_other() -> None:
    data = b'prompt\tcompletion\n"Gone" is\tx\n"He said ""no"""\ty\n5" pipe\tz\n'
    good, refused = outcomes(data, "x.tsv")
    assert not refused
    prompts = [item.rows[0].prompt.messages[0].content for item in good]
    assert prompts == ['"Gone" is', 'He said "no"', '5" pipe']


def test_a_file_without_a_header_numbers_its_columns() -> None:
    good, _ = outcomes(
        b"Who?\tMe.\n",
        "x.tsv",
        header=False,
        columns={"prompt": "column_1", "completion": "column_2"},
    )
    assert good[0].rows[0].answer.text == "Me."


def test_parquet_with_an_extension_type_is_refused_before_it_is_rebuilt() -> None:
    import pyarrow as arrow
    from pyarrow import parquet as writer

    sink = io.BytesIO()
    storage = arrow.array(["x"])
    field = arrow.field(
        "prompt", arrow.string(), metadata={"ARROW:extension:name": "arrow.py_extension_type"}
    )
    writer.write_table(arrow.table([storage], schema=arrow.schema([field])), sink)
    with pytest.raises(FileRefused, match="extension type"):
        opened(sink.getvalue(), "x.parquet")


def test_parquet_with_a_pickle_in_its_metadata_is_refused() -> None:
    import pyarrow as arrow
    from pyarrow import parquet as writer

    sink = io.BytesIO()
    schema = arrow.schema([arrow.field("prompt", arrow.string())], {"extra": b"\x80\x04\x95rest"})
    writer.write_table(arrow.table([arrow.array(["x"])], schema=schema), sink)
    with pytest.raises(FileRefused, match="pickle"):
        opened(sink.getvalue(), "x.parquet")


@pytest.mark.parametrize("damage", ["short", "footer", "length", "page"])
def test_damaged_parquet_is_refused(damage: str) -> None:
    whole = bytearray(CONTAINERS["x.parquet"])
    if damage == "short":
        whole = whole[: len(whole) // 2]
    elif damage == "footer":
        whole[-40:-10] = b"\xff" * 30
    elif damage == "length":
        whole[-8:-4] = struct.pack("<I", 2**31)
    else:
        whole[4:60] = b"\xff" * 56
    with pytest.raises(FileRefused, match="Parquet"):
        outcomes(bytes(whole), "x.parquet")


def test_parquet_that_decodes_to_more_than_its_memory_is_stopped() -> None:
    from annotation.imports.formats.parquet import read_parquet

    data = parquet(*[{"prompt": "x" * 3_000_000}] * 64, compression="zstd")
    assert len(data) < 1_000_000
    with pytest.raises(FileRefused, match="memory"):
        list(read_parquet(iter([data]), Limits(), memory=40 * 1024 * 1024))


def test_a_long_row_group_of_parquet_is_read_piece_by_piece() -> None:
    """40 MB in one column chunk within 22 MB; a reader that holds the chunk takes 42."""
    from annotation.imports.formats.parquet import read_parquet

    draw = random.Random(1)
    rows = [{"prompt": draw.randbytes(1000).hex()} for _row in range(20_000)]
    data = parquet(*rows, compression="none", use_dictionary=False)
    assert len(data) > 40_000_000
    assert sum(1 for _ in read_parquet(iter([data]), Limits(), memory=22 * 1024 * 1024)) == 20_000


def test_parquet_rows_keep_numbers_lists_and_missing_values() -> None:
    import datetime

    record = {
        "prompt": [{"role": "user", "content": "hi"}],
        "completion": [{"role": "assistant", "content": "ho"}],
        "id": 7,
        "when": datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC),
        "nothing": float("nan"),
    }
    good, _ = outcomes(parquet(record), "x.parquet")
    assert good[0].line == 1
    assert good[0].rows[0].prompt.source_id == "7"
    assert json.loads(good[0].raw)["nothing"] is None


def test_a_line_that_is_refused_is_still_a_line() -> None:
    bare = b'[{"\\u0000": null}, {"from": "gpt", "value": "The Rhine."}]\n'
    good, refused = outcomes(bare, "x.jsonl", format_name="sharegpt")
    assert not good
    (one,) = refused
    assert "NUL" in one.reason
