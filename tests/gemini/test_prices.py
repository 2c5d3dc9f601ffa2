from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.gemini.support import call
from utils.core.console import UserError
from utils.gemini.calls import Usage
from utils.gemini.prices import PRICES_FILE, Prices, dollars
from utils.gemini.tokens import most_prompt_tokens

OURS = Prices()
OWN = """
as_of = 2026-05-01
batch_factor = 0.4
[models."gemini-2.5-flash"]
input = 1.0
output = 8.0
[models."house-model"]
input = 2.0
output = 10.0
cached = 0.5
long_from = 1_000
long_input = 4.0
long_output = 15.0
long_cached = 1.0
[models."odd-model"]
input = 1.0
output = 1.0
cached = 3.0
"""


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(OWN)
    return Prices(path)


def _cost(prices, model, batch=False, **usage):
    return prices.of(model).cost_usd(Usage(**usage), batch) * 1e6


def test_input_and_output_have_their_prices():
    assert _cost(OURS, "gemini-2.5-flash", prompt=1000, output=100) == pytest.approx(1000 * 0.30 + 100 * 2.50)


def test_thinking_is_billed_as_output():
    assert _cost(OURS, "gemini-2.5-flash", output=10, thoughts=90) == pytest.approx(100 * 2.50)


def test_cached_tokens_are_part_of_the_prompt_and_cheaper():
    assert _cost(OURS, "gemini-2.5-flash", prompt=1000, cached=600) == pytest.approx(400 * 0.30 + 600 * 0.03)
    assert _cost(OURS, "gemini-2.5-flash", prompt=10, cached=1000) == pytest.approx(10 * 0.03)  # not more than all


def test_cached_tokens_cost_as_others_where_no_price_is_named(own):
    assert _cost(own, "gemini-2.5-flash", prompt=100, cached=100) == pytest.approx(100.0)
    assert _cost(own, "gemini-2.5-flash", batch=True, prompt=100, cached=100) == pytest.approx(40.0)


def test_a_long_prompt_makes_the_whole_request_dearer(own):
    at, above = 1000, 1001
    assert _cost(own, "house-model", prompt=at, cached=10, output=5) == pytest.approx(990 * 2 + 10 * 0.5 + 5 * 10)
    assert _cost(own, "house-model", prompt=above, cached=10, output=5) == pytest.approx(991 * 4 + 10 * 1 + 5 * 15)
    assert _cost(OURS, "gemini-2.5-pro", prompt=200_000) == pytest.approx(200_000 * 1.25)
    assert _cost(OURS, "gemini-2.5-pro", prompt=200_001) == pytest.approx(200_001 * 2.50)


def test_a_batch_costs_half_except_for_what_was_cached():
    usage = {"prompt": 1000, "cached": 600, "output": 50, "thoughts": 50}
    expected = 0.5 * (400 * 0.30 + 100 * 2.50) + 600 * 0.03
    assert _cost(OURS, "gemini-2.5-flash", batch=True, **usage) == pytest.approx(expected)


@pytest.mark.parametrize(
    "name",
    [
        "gemini-2.5-flash-001",
        "models/gemini-2.5-flash",
        "models/gemini-2.5-flash-002",
        "publishers/google/models/gemini-2.5-flash",
        "projects/shop/locations/europe-west4/publishers/google/models/gemini-2.5-flash-001",
    ],
)
def test_a_model_is_known_by_all_its_names(name):
    assert OURS.of(name).price == OURS.of("gemini-2.5-flash").price


@pytest.mark.parametrize("name", ["gemini-9", "", "gemini", "gemini-2.5-flash-lite-extra", "gemini-2.5-flash-0011"])
def test_nobody_guesses_the_price_of_an_unknown_model(name):
    assert OURS.of(name) is None


def test_flash_lite_is_not_flash():
    assert OURS.of("gemini-2.5-flash-lite").price != OURS.of("gemini-2.5-flash").price


def test_prices_of_ones_own_go_before_ours_and_ours_hold_for_the_rest(own):
    assert (own.of("gemini-2.5-flash-001").price.input, own.of("gemini-2.5-flash").batch_factor) == (1.0, 0.4)
    assert own.of("gemini-2.5-flash").origin == "own.toml of 2026-05-01"
    assert own.of("gemini-2.5-pro") == OURS.of("gemini-2.5-pro")
    assert own.of("house-model").price.cached == 0.5
    assert OURS.of("house-model") is None


def test_a_price_for_one_version_holds_for_that_one_only(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text('[models."gemini-2.5-flash-001"]\ninput = 9\noutput = 9\n')
    prices = Prices(path)
    assert [prices.of(f"gemini-2.5-flash{end}").price.input for end in ("-001", "-002", "")] == [9, 0.30, 0.30]
    assert prices.of("gemini-2.5-flash-001").origin == "own.toml"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"models = [", "not TOML"),
        (b"\xff\xfe", "not TOML"),
        (b"", "models: Field required"),
        (b'[models."m"]\ninput = 1', "models.m.output: Field required"),
        (b'[models."m"]\ninput = -1\noutput = 1', "models.m.input: Input should be greater"),
        (b'[models."m"]\ninput = nan\noutput = 1', "models.m.input: Input should be a finite number"),
        (b'[models."m"]\ninput = inf\noutput = 1', "models.m.input: Input should be a finite number"),
        (b'[models."m"]\ninput = "cheap"\noutput = 1', "models.m.input: Input should be a valid number"),
        (b'[models."m"]\ninput = 1\noutput = 1\nimage = 3', "models.m.image: Extra inputs"),
        (b"models = 3", "models: Input should be a valid dictionary"),
        (b"batch_factor = -1\n[models]", "batch_factor: Input should be greater"),
    ],
)
def test_a_broken_file_is_told_in_one_line(tmp_path, content, message):
    path = tmp_path / "own.toml"
    path.write_bytes(content)
    with pytest.raises(UserError) as told:
        Prices(path)
    text = str(told.value)
    assert text.startswith(f"{path}: ")
    assert message in text
    assert text.endswith(f"; see {PRICES_FILE} for the form")
    assert "\n" not in text


def test_the_shipped_file_names_the_models_and_where_the_prices_are_from():
    (shipped,) = [file for path, file in OURS._files if path == PRICES_FILE]
    assert shipped.as_of >= date(2026, 1, 1)
    assert shipped.source.startswith("https://")
    assert {"gemini-2.5-flash", "gemini-2.5-pro", "gemini-2.5-flash-lite"} <= set(shipped.models)
    for name, price in shipped.models.items():
        assert 0 < (price.cached or 0.01) < price.input < price.output, name
        if price.long_from:
            assert price.long_input > price.input, name
            assert price.long_output > price.output, name


@given(
    model=st.sampled_from(["gemini-2.5-flash", "gemini-2.5-pro", "gemini-2.0-flash-lite", "house-model", "odd-model"]),
    question=st.text(max_size=300),
    most_output=st.one_of(st.none(), st.integers(1, 500)),
    shares=st.tuples(*[st.floats(0, 1)] * 4),
    batch=st.booleans(),
)
def test_no_answer_costs_more_than_the_most(tmp_path_factory, model, question, most_output, shares, batch):
    path = tmp_path_factory.mktemp("prices") / "own.toml"
    path.write_text(OWN)
    price = Prices(path).of(model)
    asked = call(question, max_output_tokens=most_output)
    of_prompt, of_cached, of_output, of_thoughts = shares
    prompt = round(of_prompt * most_prompt_tokens(asked))
    output = round(of_output * (most_output or 65_536))
    thoughts = round(of_thoughts * ((most_output or 65_536) - output))
    used = Usage(prompt=prompt, cached=round(of_cached * prompt), output=output, thoughts=thoughts)
    assert price.cost_usd(used, batch) <= price.most_usd(asked, batch) * (1 + 1e-12)


def test_amounts_are_told_as_people_read_them():
    assert [dollars(amount) for amount in (0, 0.00123, 9.5, 12.345, 1234567.891)] == [
        *("$0.0000", "$0.0012", "$9.5000"),
        *("$12.35", "$1,234,567.89"),
    ]  # fmt: skip
