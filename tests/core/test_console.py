import io
import logging
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.core import console
from utils.core.console import ExitCode, Progress, mask_secrets, remember_secret, with_progress
from utils.core.summary import FAULTS, exit_code, print_counts

ROOT = Path(__file__).resolve().parents[2]

safe_letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
secrets = st.text(safe_letters + "-_", min_size=12, max_size=40)
surroundings = st.text(st.characters(codec="utf-8"), max_size=30)


@pytest.fixture(scope="module", autouse=True)
def own_secrets():
    """Made-up secrets are forgotten afterwards, lest they be masked in other tests."""
    kept = set(console._known_secrets)
    yield
    console._known_secrets.clear()
    console._known_secrets.update(kept)


def script(body: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a script whose `main` has the given body, as cron would."""
    lines = [
        "import logging, os, sys, signal",
        "from utils.core.console import *",
        "def main():",
        *(f"    {line}" for line in body.splitlines()),
        "sys.exit(run_script(main))",
    ]
    return subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("body", "code", "line"),
    [
        ("raise UserError('a.csv:3: no such column;\\n  add it')", 2, "error: a.csv:3: no such column; add it"),
        ("open('/no/such/file')", 2, "error: /no/such/file: No such file or directory; check that"),
        ("raise OSError(28, 'No space left on device')", 2, "error: No space left on device; check that"),
        ("raise OSError('odd')", 2, "error: odd; check that"),
        ("raise Interrupted('quota used up; run again')", 3, "stopped: quota used up; run again"),
        ("raise KeyboardInterrupt", 3, "stopped\nresume with: python -c"),
        ("os.kill(os.getpid(), signal.SIGINT)", 3, "stopped\nresume with: python -c"),
    ],
)
def test_what_ends_a_script_is_one_line_and_an_exit_code(body, code, line):
    done = script(body)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith(line)
    assert done.stderr.count("\n") == (2 if code == 3 else 1)
    assert ("resume with: python -c" in done.stderr) == (code == 3)


@pytest.mark.parametrize(("body", "code"), [("return ExitCode.DONE", 0), ("return ExitCode.BELOW_TARGET", 1)])
def test_a_script_that_ends_by_itself_says_nothing_more(body, code):
    done = script(body)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", "")


def test_secrets_stay_out_of_error_lines_logs_and_tracebacks():
    body = "\n".join(
        [
            "key = os.environ['R2R_API_KEY']",
            "logging.getLogger('utils.x').warning('sent %s', key)",
            "try:",
            "    raise ValueError(key)",
            "except ValueError:",
            "    logging.getLogger('utils.x').exception('failed')",
            "raise RuntimeError(f'cannot reach https://host/?key={key}')",
        ]
    )
    done = script(body, {"R2R_API_KEY": "pk_verysecret.123"})
    assert done.returncode == 1
    assert "RuntimeError: cannot reach https://host/?key=***" in done.stderr
    assert done.stderr.count("***") >= 3 and "verysecret" not in done.stderr
    refused = script("raise UserError('no access with ' + os.environ['R2R_API_KEY'])", {"R2R_API_KEY": "pk_verysecret"})
    assert refused.stderr == "error: no access with ***\n"


def test_libraries_are_quiet_and_rooms_are_not():
    done = script("logging.getLogger('httpx').info('noise')\nlogging.getLogger('utils.proof').info('told')\nreturn 0")
    assert "told" in done.stderr and "noise" not in done.stderr


SECRET_PARAMETERS = (
    *("key", "KEY", "api_key", "api-key", "apikey", "token", "access_token", "refresh_token", "id_token"),
    *("upload_id", "X-Goog-Signature", "X-Goog-Credential"),
)


@given(secrets, surroundings, surroundings)
def test_a_known_secret_survives_nowhere(secret, before, after):
    remember_secret(secret)
    masked = mask_secrets(before + secret + after)
    assert secret not in masked and masked.count("***") >= 1


@given(st.text(safe_letters + "-_", min_size=20, max_size=40), surroundings, surroundings)
def test_what_looks_like_a_google_key_survives_nowhere(rest, before, after):
    assert "AIza" + rest not in mask_secrets(before + "AIza" + rest + after)


@given(st.sampled_from(SECRET_PARAMETERS), secrets, st.sampled_from(["", "&b=1"]))
def test_a_key_in_a_url_survives_not(name, secret, rest):
    masked = mask_secrets(f"GET https://host/v1/models?alt=sse&{name}={secret}{rest} failed")
    assert masked == f"GET https://host/v1/models?alt=sse&{name}=***{rest} failed"


@given(st.text(safe_letters + "-_.", min_size=20, max_size=40))
def test_an_access_token_survives_not(rest):
    assert f"ya29.{rest}" not in mask_secrets(f"refused ya29.{rest} (expired)")


@given(secrets)
def test_a_bearer_token_survives_not(secret):
    assert secret not in mask_secrets(f"{{'Authorization': 'Bearer {secret}', 'authorization': 'bearer {secret}=='}}")


@given(st.text(st.characters(codec="utf-8", categories=("L", "Zs", "P", "N"), exclude_characters="=")))
def test_other_text_stays_as_it_is(text):
    if "AIza" in text or "earer" in text.lower():
        return
    for secret in console._known_secrets:
        text = text.replace(secret, "")
    assert mask_secrets(text) == text


def test_the_environments_keys_are_known_and_the_longer_of_two_goes_first(monkeypatch):
    monkeypatch.setenv("GEMINI_API_KEY", "secret-one")
    monkeypatch.setenv("GOOGLE_API_KEY", "secret-one-and-two")
    assert mask_secrets("a secret-one-and-two b secret-one c") == "a *** b *** c"


def test_short_and_empty_values_are_no_secrets():
    for value in (None, "", "abc"):
        remember_secret(value)
    assert mask_secrets("abc, about") == "abc, about"


def test_progress_in_cron_is_one_line_an_interval(caplog):
    caplog.set_level(logging.INFO, "pipeline")
    with Progress("proof", 3, interval_s=0.0) as progress:
        progress.advance("1 match")
        progress.advance()
    assert [record.getMessage().strip() for record in caplog.records] == ["proof: 1 of 3 1 match", "proof: 2 of 3"]
    caplog.clear()
    assert list(with_progress(iter("abc"), "rows")) == ["a", "b", "c"]
    assert caplog.records == []  # a minute has not passed


def test_progress_on_a_terminal_is_a_bar(monkeypatch, caplog):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with Progress("proof", 2, interval_s=0.0) as progress:
        progress.advance("1 match")
        progress.advance("2 match")
    assert "proof: 100%" in terminal.getvalue() and "2/2" in terminal.getvalue()
    assert caplog.records == []


@pytest.mark.parametrize(
    ("counts", "accepted", "min_accepted", "max_failures", "code", "told"),
    [
        ({"accepted": 2, "mismatch": 9}, 2, 1, 0, ExitCode.DONE, ""),
        ({"accepted": 2}, 2, 2, 0, ExitCode.DONE, ""),
        ({"accepted": 2}, 2, 3, 0, ExitCode.BELOW_TARGET, "2 accepted rows, --min-accepted asks for 3"),
        ({}, 0, 1, 0, ExitCode.BELOW_TARGET, "0 accepted rows"),
        ({}, 0, 0, 0, ExitCode.DONE, ""),
        ({"accepted": 1, "invalid": 1, "gold_error": 1}, 1, 1, 2, ExitCode.DONE, ""),
        ({"accepted": 1, "invalid": 1, "gold_error": 2}, 1, 1, 2, ExitCode.BELOW_TARGET, "3 failed rows"),
        ({"accepted": 1, "no_program": 5, "timeout": 5, "unsafe": 5}, 1, 1, 0, ExitCode.DONE, ""),
    ],
)
def test_the_exit_code_of_a_run(capsys, counts, accepted, min_accepted, max_failures, code, told):
    assert exit_code(Counter(counts), accepted, min_accepted, max_failures) == code
    out = capsys.readouterr().out
    assert out.startswith("below target: ") == bool(told) and told in out


@given(st.sampled_from(sorted(FAULTS)), st.integers(0, 20), st.integers(0, 20))
def test_every_fault_counts_against_max_failures(status, count, allowed):
    expected = ExitCode.BELOW_TARGET if count > allowed else ExitCode.DONE
    assert exit_code(Counter({status: count, "accepted": 1}), 1, 1, allowed) == expected


def test_counts_are_printed_most_frequent_first(capsys):
    print_counts("generated", Counter({"mismatch": 2, "accepted": 1400}))
    print_counts("nothing", Counter())
    assert capsys.readouterr().out == (
        "generated: 1,402 rows (1,400 accepted, 2 mismatch)\nnothing: no rows\n"
    )  # fmt: skip
