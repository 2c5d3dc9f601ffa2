"""Customers of the broker database."""

from __future__ import annotations

import calendar
import random
from datetime import date, timedelta
from typing import NamedTuple

from utils.databases.broker_lists import COUNTRIES, FIRST_NAMES, LAST_NAMES, MAIL_DOMAINS, STREETS, Place

LAST_JOIN_DATE = date(2023, 12, 15)
# Edges of years and months: a comparison that is off by one day counts these wrongly.
EDGE_JOIN_DATES = (
    *(date(2021, 12, 31), date(2022, 1, 1), date(2022, 1, 1), date(2022, 12, 31), date(2022, 12, 31)),
    *(date(2023, 1, 1), date(2023, 1, 1), date(2023, 12, 1), LAST_JOIN_DATE),
    *(date(2023, month, day) for month in range(5, 12) for day in (1, calendar.monthrange(2023, month)[1])),
)
STATUSES = (("active", 68), ("inactive", 17), ("suspended", 9), ("closed", 6))


class Customer(NamedTuple):
    """One row of sbCustomer."""

    id: str
    name: str
    email: str
    phone: str | None
    address1: str | None
    address2: str | None
    city: str | None
    state: str | None
    country: str
    postal_code: str | None
    join_date: str
    status: str


def digits(pattern: str, rng: random.Random) -> str:
    """`pattern` with each # replaced by a random digit."""
    return "".join(str(rng.randrange(10)) if mark == "#" else mark for mark in pattern)


def make_customers(rng: random.Random) -> list[Customer]:
    """All customers, ids in random order of country and join date; e-mail addresses are unique."""
    homes = [
        (country, rng.choice(facts.places)) for country, facts in COUNTRIES.items() for _ in range(facts.customers)
    ]
    rng.shuffle(homes)
    join_dates = _join_dates(len(homes), rng)
    names = _names(len(homes), rng)
    taken: set[str] = set()
    customers = []
    for number, ((country, place), joined, name) in enumerate(zip(homes, join_dates, names, strict=True), start=1):
        customers.append(
            Customer(
                id=f"C{number:04d}",
                name=name,
                email=_email(name, taken, rng),
                phone=None if rng.random() < 0.08 else digits(COUNTRIES[country].phone, rng),
                address1=None if rng.random() < 0.03 else f"{rng.randint(1, 240)} {rng.choice(STREETS)}",
                address2=f"Unit {rng.randint(1, 40)}" if rng.random() < 0.22 else None,
                city=None if rng.random() < 0.04 else place.city,
                state=_state(place, rng),
                country=country,
                postal_code=None if rng.random() < 0.06 else digits(place.postal, rng),
                join_date=joined.isoformat(),
                status=rng.choices([status for status, _ in STATUSES], [weight for _, weight in STATUSES])[0],
            )
        )
    return customers


def _state(place: Place, rng: random.Random) -> str | None:
    return None if rng.random() < 0.025 else place.state


def _join_dates(count: int, rng: random.Random) -> list[date]:
    dates = list(EDGE_JOIN_DATES)
    while len(dates) < count:
        era = rng.random()
        first, last = (
            (date(2019, 1, 7), date(2021, 12, 30))
            if era < 0.42
            else (date(2022, 1, 2), date(2022, 12, 30))
            if era < 0.72
            else (date(2023, 1, 2), date(2023, 12, 14))
        )
        dates.append(first + timedelta(days=rng.randint(0, (last - first).days)))
    rng.shuffle(dates)
    return dates


def _names(count: int, rng: random.Random) -> list[str]:
    """Names with some shared by several people and some in lower or upper case."""
    names = [f"{rng.choice(FIRST_NAMES)} {rng.choice(LAST_NAMES)}" for _ in range(count)]
    for _ in range(12):
        one, other = rng.sample(range(count), 2)
        names[other] = names[one]
    for position, name in enumerate(names):
        if (name.startswith("J") or name.endswith("ez")) and rng.random() < 0.35:
            names[position] = name.lower()
        elif name.endswith("ez") and rng.random() < 0.1:
            names[position] = name.upper()
    return names


def _email(name: str, taken: set[str], rng: random.Random) -> str:
    local = name.lower().replace(" ", ".")
    domain = rng.choices([domain for domain, _ in MAIL_DOMAINS], [weight for _, weight in MAIL_DOMAINS])[0]
    number = 1
    email = f"{local}@{domain}"
    while email.lower() in taken:
        number += 1
        email = f"{local}{number}@{domain}"
    taken.add(email.lower())
    return email
