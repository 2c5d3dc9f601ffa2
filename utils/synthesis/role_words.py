"""The words by which a column's role and unit are told, as `name_words.words_of` writes them."""

from __future__ import annotations


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What tells rows apart, or marks them for machines.
IDENTIFIERS = _set("id ids key uid guid uuid pk fk sk oid rowid")
ORDINALS = _set("number no nr index idx seq sequence line serial ordinal")
CODES = _set("code codes sku vin isbn issn doi ean upc barcode serial iata icao")
REFERENCES = _set("to by via")  # at the end of a name
NO_MEANING = _set(
    "latitude longitude coordinates geo geom uuid guid hash token password secret salt ssn iban swift ip mac json xml "
    "payload blob checksum fingerprint etag internal"
)
CONTACTS = _set(
    "phone mobile fax email mail url uri website homepage link address street zip zipcode postal postcode postalcode "
    "image photo picture avatar file path"
)
MOMENTS = _set("epoch unix timestamp date time day at on created updated")

# Texts.
PROSE = _set(
    "comment comments note notes remark remarks review description text message body content summary bio biography "
    "abstract caption subject memo details feedback instructions reasoning"
)
NAMES = _set("name title label username login nickname surname lastname firstname fullname symbol headline")
NAMES_OF_PEOPLE = _set("first last middle given family sur surname lastname firstname")
NAME_KINDS = NAMES_OF_PEOPLE | _set(
    "full display user nick company legal trade trading short common official business public english original"
)
CATEGORIES = _set(
    "type status category kind class gender sex color colour country state region city town province county district "
    "currency language make brand manufacturer segment department division level grade tier role priority method mode "
    "channel source platform industry sector genre group team position job occupation profession reason result outcome "
    "stage phase plan severity tag unit shift season month quarter weekday nationality religion race ethnicity marital "
    "diagnosis specialty speciality species breed material size style format zone exchange market device browser os "
    "container packaging continent area topic theme medium carrier airline transmission fuel engine model range rating "
    "frequency direction side condition education degree year"
)

# Numbers that people group by.
GROUPING_NUMBERS = _set(
    "priority severity level grade tier class type status category kind stage phase group season floor version bucket "
    "cluster generation round star stars cylinders doors gears"
)
CALENDAR = {"month": (1, 12), "quarter": (1, 4), "week": (0, 53), "weekday": (0, 7), "hour": (0, 24), "day": (1, 31)}
FLAG_OPENINGS = _set("is has was had are can did does do should allow allows needs requires supports")
FLAGS = _set("flag indicator yn bool boolean active deleted enabled disabled archived verified valid")

# Numbers that may be added, and those that may not.
AVERAGES = _set("average mean median maximum minimum std stddev variance per")
RATIOS = AVERAGES | _set(
    "rate ratio percent percentage proportion probability likelihood share index score rating rank ranking age "
    "temperature gpa iq bmi factor multiplier confidence threshold limit target goal each unit days hours minutes "
    "seconds ms duration speed altitude elevation height width length depth pressure humidity level"
)
TOTALS = _set("total extended net gross sale sales selling sold paid final subtotal order line invoice")
STOCKS = _set("balance stock inventory population level available remaining outstanding hand cumulative headcount")
SNAPSHOTS = _set("snapshot snapshots history historical daily weekly monthly")
COUNTED_THINGS = _set(
    "shares units pieces items points votes views clicks likes downloads visits visitors impressions sessions orders "
    "employees students seats tickets calls steps calories goals"
)
FLOWS_OF_MONEY = _set(
    "revenue sales profit loss cost costs fee fees tax taxes commission payment payments salary wage wages bonus "
    "budget expense expenses spend spending spent income earnings balance debt refund donation deposit withdrawal "
    "charge charges tip freight amount discount"
)
ADDITIVE = (
    FLOWS_OF_MONEY
    | COUNTED_THINGS
    | _set("quantity count total subtotal sum turnover volume population stock inventory")
)

# Units.
PRICES = _set("price prices cost quote")
MONEY = FLOWS_OF_MONEY | PRICES | _set("money monetary dollar dollars usd eur euro euros paid credit")
NOT_MONEY = _set("rate ratio percent percentage index score quantity count volume shares dose dosage drug number days")
SHARES = _set("rate ratio proportion probability likelihood share confidence factor discount tax margin commission vat")
UNITS = {
    "kg": "kilograms", "kilograms": "kilograms", "grams": "grams", "mg": "milligrams", "lb": "pounds",
    "lbs": "pounds", "oz": "ounces", "km": "kilometres", "kilometers": "kilometres", "cm": "centimetres",
    "mm": "millimetres", "miles": "miles", "mileage": "miles", "ft": "feet", "feet": "feet", "inches": "inches",
    "ml": "millilitres", "liters": "litres", "litres": "litres", "kb": "kilobytes", "mb": "megabytes",
    "gb": "gigabytes", "bytes": "bytes", "ms": "milliseconds", "milliseconds": "milliseconds", "secs": "seconds",
    "seconds": "seconds", "mins": "minutes", "minutes": "minutes", "hrs": "hours", "hours": "hours", "days": "days",
    "sqft": "square feet", "weeks": "weeks", "months": "months", "years": "years", "age": "years",
}  # fmt: skip

KNOWN = frozenset[str]().union(
    *(words for words in globals().values() if isinstance(words, frozenset)), UNITS, CALENDAR
)
