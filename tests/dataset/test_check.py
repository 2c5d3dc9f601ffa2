"""The checker of fine-tuning files: what it finds, what it prints, and where it reads from."""

from __future__ import annotations

import json
import os
import socket
import threading
import tracemalloc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from tests.loopback.storage_emulator import storage_emulator
from utils.core.console import UserError, run_script
from utils.dataset import check
from utils.dataset.file_check import MAX_LINE_BYTES, CheckSettings, check_file
from utils.dataset.sft import sft_record


def fine(number: int = 0, **changes: str) -> dict[str, Any]:
    texts = {"system": "Write PyDough.", "user": f"How many {number}?", "model": f"result = a.WHERE(x == {number})"}
    texts |= changes
    return sft_record(texts["system"], texts["user"], texts["model"])


def older(number: int = 0) -> dict[str, Any]:
    turns = [("system", "Write PyDough."), ("user", f"How many {number}?"), ("model", f"result = {number}")]
    return {"messages": [{"role": role, "content": text} for role, text in turns]}


def hundred() -> list[dict[str, Any]]:
    return [fine(number) for number in range(100)]


def write(path: Path, lines: Iterable[dict[str, Any] | str | bytes]) -> Path:
    """A file of records, texts and bytes, one a line."""
    encoded = [
        line if isinstance(line, bytes) else (line if isinstance(line, str) else json.dumps(line)).encode()
        for line in lines
    ]
    path.write_bytes(b"".join(line + b"\n" for line in encoded))
    return path


def told(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, list[str], str]:
    """Exit code, lines on stdout, stderr."""
    code = run_script(lambda: check.main([str(argument) for argument in arguments]))
    out, err = capsys.readouterr()
    return code, out.splitlines(), err


def test_a_sound_file_is_fine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "train.jsonl", hundred())
    code, out, err = told(capsys, path)
    size = path.stat().st_size
    assert (code, err) == (0, "")
    assert out == [
        f"{path}: fine; 100 lines, {size:,} bytes, tokens estimated a line: median 20, p95 20, max 20",
    ]


SOUND = json.dumps(fine())
BAD_LINES: list[tuple[str, str | bytes, str]] = [
    ("cut off", SOUND[:-2], "not JSON (Expecting ',' delimiter); expected one JSON object a line"),
    ("no JSON", "result = nations", "not JSON (Expecting value); expected one JSON object a line"),
    ("two objects", SOUND + SOUND, "not JSON (Extra data); expected one JSON object a line"),
    ("a list", f"[{SOUND}]", "found a list; expected a JSON object"),
    ("a huge number", '{"contents": ' + "9" * 5_000 + "}", "not JSON"),
    ("nested without end", "[" * 100_000, "not JSON"),
    ("Latin-1", b'{"contents": "caf\xe9"}', "not UTF-8 at byte 18; expected UTF-8"),
    ("UTF-16", SOUND.encode("utf-16"), "not UTF-8 at byte 1; expected UTF-8"),
    ("a byte order mark", b"\xef\xbb\xbf" + SOUND.encode(), "begins with a byte order mark; expected UTF-8"),
    ("half a character", SOUND.replace("Write", r"\ud83d"), "holds half a character"),
    ("too long", b'"' + b"x" * (MAX_LINE_BYTES + 10), "longer than 33,554,432 bytes; expected one JSON object"),
    ("another field", json.dumps({**fine(), "id": 1}), "unknown field 'id'; expected systemInstruction and contents"),
    ("OpenAI's role", SOUND.replace('"model"', '"assistant"'), "contents[1]: role 'assistant'; expected 'model'"),
    ("no part", json.dumps({"contents": [{"role": "user", "parts": []}] * 2}), "contents[0]: expected parts"),
    ("empty text", json.dumps(fine(model=" ")), "contents[1]: expected text, a non-empty string"),
    ("too many tokens", json.dumps(fine(user="x" * 400_000)), "tokens; expected at most 131,072"),
    ("older, broken", json.dumps({"messages": [{"role": "user", "content": "x"}]}), "messages: expected a list"),
]


@pytest.mark.parametrize(("line", "problem"), [row[1:] for row in BAD_LINES], ids=[row[0] for row in BAD_LINES])
def test_a_bad_line_is_told_with_its_place_and_costs_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str | bytes, problem: str
) -> None:
    path = write(tmp_path / "train.jsonl", [*hundred(), line, {"contents": 7}])
    code, out, _err = told(capsys, path)
    assert code == 1
    assert out[0].startswith(f"{path}:101: ") and problem in out[0] and len(out[0]) < 400
    assert out[1] == f"{path}:102: contents: expected a list of at least a user and a model turn"
    assert out[-1].startswith(f"{path}: 2 problems; 102 lines, {path.stat().st_size:,} bytes")


def test_what_may_look_wrong_but_is_not(tmp_path: Path) -> None:
    odd = [
        "\ud83d\ude00 emoji in escapes".encode("utf-16", "surrogatepass").decode("utf-16"),
        "\u2028\x00",
        "a\\ud800b",
    ]
    lines = [json.dumps(fine(user=text)) for text in odd]
    path = tmp_path / "train.jsonl"
    path.write_bytes("\r\n".join([*lines, json.dumps(fine(user="last"))]).encode())  # and no line break at its end
    result = check_file(path)
    assert (result.problems, result.lines) == ([], 4)


def test_repeated_lines_are_told_with_the_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    again = json.dumps(fine(3), sort_keys=True, indent=None, separators=(",", ":"))  # the same in other spacing
    path = write(tmp_path / "train.jsonl", [*hundred(), again, "{", fine(3), older(5), older(5)])
    code, out, _err = told(capsys, path)
    assert code == 1
    assert out[1:4] == [
        f"{path}:101: the same as line 4; expected every example once",
        f"{path}:103: the same as line 4; expected every example once",
        f"{path}:105: the same as line 104; expected every example once",
    ]


def test_problems_are_all_counted_but_few_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "train.jsonl", ["{"] * 50)
    code, out, _err = told(capsys, path)
    assert (code, len(out)) == (1, 23)
    assert out[20] == f"{path}: and 30 more problems (--max-problems shows more)"
    assert out[21].startswith(f"{path}: warning: 50 lines; the service recommends at least 100")
    assert out[22].startswith(f"{path}: 50 problems; 50 lines")
    assert len(told(capsys, path, "--max-problems", 60)[1]) == 52
    assert len(told(capsys, path, "--max-problems", 0)[1]) == 3


def test_what_is_not_wrong_but_unwise_is_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    block = "```python\nresult = 1\n```\n"
    lines = [
        *(fine(number) for number in range(5)),
        fine(5, system="Other."),
        {"contents": fine(6)["contents"]},
        fine(7, model=block + "or\n" + block),
        fine(8, model=block),
        "",
        older(9),
    ]
    path = write(tmp_path / "train.jsonl", lines)
    code, out, _err = told(capsys, path)
    assert code == 0
    warnings = [line.removeprefix(f"{path}: warning: ") for line in out[:-1]]
    assert warnings[0] == "11 lines; the service recommends at least 100"
    assert warnings[1].startswith("system instructions differ (2 different, in 8, 1 lines, none in 1)")
    assert warnings[2].startswith(
        "1 line (the first is 11) in the older `messages` form of Gemini 1.0; for later models"
    )
    assert warnings[3].startswith("1 line (the first is 8) with several code blocks in one target")
    assert warnings[4] == "1 line (the first is 10) blank; take them out"
    assert len(warnings) == 5


def test_an_older_file_is_read_and_named(tmp_path: Path) -> None:
    result = check_file(write(tmp_path / "old.jsonl", [older(number) for number in range(120)]))
    assert result.fine and result.older_lines == 120
    assert len(result.warnings) == 1 and "older `messages` form" in result.warnings[0]


def test_an_empty_file_has_a_problem(tmp_path: Path) -> None:
    assert check_file(write(tmp_path / "train.jsonl", [])).problems == [
        f"{tmp_path}/train.jsonl: is empty; expected one example a line"
    ]


def test_tokens_are_measured_and_their_ratio_can_be_set(tmp_path: Path) -> None:
    path = write(
        tmp_path / "train.jsonl", [fine(n, system="s", user=f"{n:03}", model="m" * 20 * n) for n in range(1, 101)]
    )
    tokens = check_file(path, CheckSettings(characters_per_token=4)).tokens
    assert (tokens.median, tokens.p95, tokens.max) == (251, 476, 501)
    halved = check_file(path, CheckSettings(characters_per_token=8)).tokens
    assert (halved.median, halved.p95, halved.max) == (125, 238, 250)


def test_a_file_over_the_limit_is_not_read_on(tmp_path: Path) -> None:
    path = write(tmp_path / "train.jsonl", hundred())
    size = path.stat().st_size
    assert check_file(path, CheckSettings(max_bytes=size)).fine
    result = check_file(path, CheckSettings(max_bytes=size // 2))
    assert len(result.problems) == 1 and f"more than {size // 2:,} bytes" in result.problems[0]
    assert 45 < result.lines < 55


def test_memory_stays_flat(tmp_path: Path) -> None:
    def peak(lines: int) -> int:
        path = tmp_path / f"{lines}.jsonl"
        with open(path, "w") as stream:
            stream.writelines(json.dumps(fine(n, user=f"{n} {'x' * 2_000}")) + "\n" for n in range(lines))
        tracemalloc.start()
        assert check_file(path).fine
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    small, large = peak(1_000), peak(21_000)
    assert large - small < 20_000 * 120  # bytes a line, of the 2,200 that it has


def test_questions_of_validation_that_stand_in_training_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train = write(
        tmp_path / "train.jsonl", [fine(n, user=f"How many {n}?\n\nDatabase Schema:\n# A") for n in range(100)]
    )
    more = write(tmp_path / "more.jsonl", [*(fine(n, user=f"Which {n}?") for n in range(100)), fine(user="!!!")])
    leaked = ["how many  7\n\nDatabase Schema:\n# B", "New?", "WHICH 3", "???"]
    validation = write(tmp_path / "validation.jsonl", ["{", *(fine(user=text, model="m") for text in leaked)])
    code, out, _err = told(capsys, train, more, "--validation", validation)
    assert code == 1
    assert [line for line in out if line.startswith(f"{validation}:") and ": the same" in line] == [
        f"{validation}:2: the same question stands in {train}:8; expected one that is not trained on",
        f"{validation}:4: the same question stands in {more}:4; expected one that is not trained on",
    ]
    assert "recommends" not in "".join(out)  # a validation file may be small
    clean = write(tmp_path / "clean.jsonl", [fine(user="New?")])
    assert told(capsys, train, more, "--validation", clean)[0] == 0
    broken = write(tmp_path / "broken.jsonl", ["{"])
    assert told(capsys, broken, "--validation", clean)[1][-1].startswith(f"{clean}: fine; 1 line, ")


@pytest.mark.parametrize(
    ("train", "validation", "problem"),
    [(100, 1_000, ""), (3_000, 1_001, "more than 30 % of 3,000"), (20_000, 5_001, "the limit is 5,000")],
)
def test_the_size_of_validation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], train: int, validation: int, problem: str
) -> None:
    trained = write(tmp_path / "train.jsonl", [fine(n) for n in range(train)])
    held_out = write(tmp_path / "validation.jsonl", [fine(n) for n in range(train, train + validation)])
    code, out, _err = told(capsys, trained, "--validation", held_out)
    assert code == (1 if problem else 0)
    assert problem in out[1 if problem else 0]


def test_the_summary_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "train.jsonl", [*hundred(), "{", "{"])
    code, out, _err = told(capsys, path, "--json", "--max-problems", 1)
    found = json.loads("\n".join(out))
    assert code == 1 and found["verdict"] == "problems"
    [file] = found["files"]
    assert file == {
        "file": str(path),
        "verdict": "problems",
        "lines": 102,
        "bytes": path.stat().st_size,
        "tokens": {"median": 20, "p95": 20, "max": 20},
        "older_format_lines": 0,
        "problem_count": 2,
        "problems": [file["problems"][0]],
        "warnings": [],
    }


@pytest.mark.parametrize("name", ["missing.jsonl", ".", "ftp://example.org/train.jsonl"])
def test_what_cannot_be_read_is_told_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = told(capsys, name)
    assert (code, out) == (2, [])
    assert err.startswith(f"error: {name}: ") and err.count("\n") == 1


class _Web(BaseHTTPRequestHandler):
    """Serves one file, or half of it, or nothing of it."""

    body = b""

    def do_GET(self) -> None:
        body = b"" if "missing" in self.path else self.body
        self.send_response(200 if body else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if "cut" in self.path else body)

    def log_message(self, *_args: object) -> None:
        pass


@contextmanager
def web(body: bytes) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Web", (_Web,), {"body": body}))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://user:hunter2@127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_file_on_the_web_is_read_and_no_secret_of_its_address_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "train.jsonl", [*(fine(n, user=f"{n}{'x' * 40_000}") for n in range(100)), "{"])
    with web(path.read_bytes()) as address:
        code, out, _err = told(capsys, f"{address}/train.jsonl?signature=hunter2")
        shown = address.replace("user:hunter2@", "")
        assert code == 1
        assert out[0].startswith(f"{shown}/train.jsonl:101: not JSON")
        assert f"101 lines, {path.stat().st_size:,} bytes" in out[1]
        assert "hunter2" not in "".join(out)
        for name in ("missing", "cut"):
            code, out, err = told(capsys, f"{address}/{name}.jsonl?signature=hunter2")
            assert (code, out) == (2, [])
            assert err.startswith(f"error: {shown}/{name}.jsonl: cannot be read (") and err.count("\n") == 1
            assert "hunter2" not in err


def test_a_server_that_is_not_there_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}/train.jsonl"
        code, _out, err = told(capsys, f"{address}?key=hunter2")
    assert code == 2
    assert err.startswith(f"error: {address}: cannot be read (ConnectionError)") and "hunter2" not in err


def test_a_file_in_a_bucket_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "train.jsonl", [*(fine(n, user=f"{n}{'x' * 200_000}") for n in range(100)), "{"])
    with storage_emulator() as emulator:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", emulator)
        client = storage.Client("shop", AnonymousCredentials(), client_options={"api_endpoint": emulator})
        client.create_bucket("shop-sets").blob("v1/train.jsonl").upload_from_filename(str(path))
        code, out, _err = told(capsys, "gs://shop-sets/v1/train.jsonl")
        assert code == 1
        assert out[0].startswith("gs://shop-sets/v1/train.jsonl:101: not JSON")
        assert f"101 lines, {path.stat().st_size:,} bytes" in out[1]
        for uri in ("gs://shop-sets/v1/none.jsonl", "gs://none/train.jsonl", "gs://shop-sets", "gs:///x"):
            code, out, err = told(capsys, uri)
            assert (code, out) == (2, [])
            assert uri in err and err.startswith("error: ") and err.count("\n") == 1


def test_a_bucket_is_read_without_an_account(monkeypatch: pytest.MonkeyPatch) -> None:
    from utils.storage import objects

    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("CLOUDSDK_CONFIG", os.devnull)
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    credentials, _project = objects._account()
    assert isinstance(credentials, AnonymousCredentials)


def test_an_unreadable_source_raises_for_callers(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        check_file(tmp_path / "none.jsonl")
    with pytest.raises(UserError, match="expected a path, gs:// or https://"):
        check_file("s3://bucket/train.jsonl")
