"""What calls cost: prices from prices.toml, or from a file of the user's own."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, NonNegativeFloat, NonNegativeInt, ValidationError

from utils.core.console import UserError
from utils.gemini.calls import MOST_OUTPUT_TOKENS, GeminiCall, Usage
from utils.gemini.tokens import most_prompt_tokens

PRICES_FILE = Path(__file__).with_name("prices.toml")
_MILLION = 1_000_000
_VERSION = re.compile(r"-\d{3}$")  # "gemini-2.5-flash-001" costs what "gemini-2.5-flash" does


class _Price(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    input: NonNegativeFloat
    output: NonNegativeFloat
    cached: NonNegativeFloat | None = None  # as input, where it is not named
    long_from: NonNegativeInt | None = None
    long_input: NonNegativeFloat | None = None
    long_output: NonNegativeFloat | None = None
    long_cached: NonNegativeFloat | None = None


class _PriceFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    as_of: date | None = None
    source: str = ""
    batch_factor: NonNegativeFloat = 0.5
    models: dict[str, _Price]


@dataclass(frozen=True)
class ModelPrice:
    """One model's prices, in US dollars a million tokens, and where they come from."""

    model: str
    price: _Price
    batch_factor: float
    origin: str

    def cost_usd(self, usage: Usage, batch: bool = False) -> float:
        """What a request that used `usage` costs; thinking is billed as output, cached tokens at their own price."""
        price = self.price
        long = price.long_from is not None and usage.prompt > price.long_from
        of_input = price.long_input if long and price.long_input is not None else price.input
        of_output = price.long_output if long and price.long_output is not None else price.output
        of_cached = price.long_cached if long and price.long_cached is not None else price.cached
        factor = self.batch_factor if batch else 1.0
        if of_cached is None:
            of_cached = of_input * factor
        cached = min(usage.cached, usage.prompt)
        fresh = factor * ((usage.prompt - cached) * of_input + (usage.output + usage.thoughts) * of_output)
        return (fresh + cached * of_cached) / _MILLION

    def most_usd(self, call: GeminiCall, batch: bool = False) -> float:
        """What `call` can cost at the very most: no token shorter than a byte, and all the output it may give."""
        output = call.max_output_tokens or MOST_OUTPUT_TOKENS
        prompt = most_prompt_tokens(call)
        return max(self.cost_usd(Usage(prompt=prompt, output=output, cached=cached), batch) for cached in (0, prompt))


class Prices:
    """Prices by model; those in `own_file` go before ours. Raises UserError where a file is not as expected."""

    def __init__(self, own_file: Path | None = None) -> None:
        self._files = [(path, _read(path)) for path in ([own_file] if own_file else []) + [PRICES_FILE]]

    def of(self, model: str) -> ModelPrice | None:
        """The price of a model, by its name without version, or None for one that no file names."""
        name = model.rpartition("/")[2]
        for path, file in self._files:
            price = file.models.get(name) or file.models.get(_VERSION.sub("", name))
            if price is not None:
                of_date = f" of {file.as_of}" if file.as_of else ""
                return ModelPrice(name, price, file.batch_factor, f"{path.name}{of_date}")
        return None


def dollars(amount: float) -> str:
    """An amount as people read it: cents for large ones, more digits for small ones."""
    return f"${amount:,.2f}" if amount >= 10 else f"${amount:.4f}"


def _read(path: Path) -> _PriceFile:
    try:
        content: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        return _PriceFile.model_validate(content)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not TOML ({error}); see {PRICES_FILE} for the form") from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise UserError(f"{path}: {field}: {first['msg']}; see {PRICES_FILE} for the form") from error
