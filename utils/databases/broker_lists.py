"""The words the broker database is made of: people, places, tickers."""

from __future__ import annotations

from typing import NamedTuple


def _words(text: str, separator: str | None = None) -> tuple[str, ...]:
    return tuple(text.split(separator))


FIRST_NAMES = _words(
    "Adaeze Alba Amara Anders Anouk Arjun Astrid Beatriz Bilal Bruno Camila Cedric Chidi Clara Dario Deepa Dmitri "
    "Edith Elena Emre Esther Farah Felix Freya Gareth Greta Hana Hugo Ingrid Iris Ivan Jada Jamal Jasper Jelena "
    "Jorge Joana Jonas Juanita Julia Kaito Kavya Keiko Lars Leila Lorenzo Luz Magnus Marta Mateo Mei Nadia Niall Noor "
    "Octavia Omar Paloma Petra Priya Quentin Rafael Ravi Rosa Ruben Salma Sanjay Sigrid Sora Tadeo Tamsin Tariq "
    "Ulla Vera Wanda Xavier Yara Yusuf Zadie"
)
LAST_NAMES = _words(
    "Abara Alvarez Baptista Becker Bianchi Bjornson Castell Chowdhury Dalton Delgado Dominguez Eriksen Falk "
    "Ferreira Fischer Gomez Grimaldi Gutierrez Haddad Hartmann Hayashi Ibanez Iyer Jansen Jimenez Kapoor Keller "
    "Kowalski Laurent Lindqvist Lopez MacLeod Marquez Menon Mercer Mendez Nakamura Novak Obi Okafor Orton Paredes "
    "Pereira Perez Pruitt Quiroga Ramirez Reyes Rossi Sandoval Sato Schwarz Silva Suzuki Tanaka Thorne Tremblay Uzun "
    "Valdez Vance Vargas Walcott Watanabe Whitlock Yilmaz Zhao"
)
STREETS = _words(
    "Alder Way,Birch Street,Canal Walk,Dove Lane,Elder Crescent,Foundry Road,Garnet Avenue,Harbour Street,Ivy Court,"
    "Juniper Drive,Kiln Road,Lantern Street,Mill Lane,North Quay,Orchard Row,Prospect Avenue,Quarry Road,Rowan Close",
    ",",
)

# Domain endings that tell "ends with .com" from "contains .com", in both cases.
MAIL_DOMAINS = (
    ("brightpost.com", 30),
    ("larkmail.com", 22),
    ("LARKMAIL.COM", 4),
    ("openletter.org", 12),
    ("quickcom.net", 10),
    ("inboxly.io", 8),
    ("postroom.co.uk", 7),
    ("mailbay.com.au", 7),
)


class Place(NamedTuple):
    """A state (None where the country has none), a city in it, and a postal code with # for digits."""

    state: str | None
    city: str
    postal: str


class Country(NamedTuple):
    """How many customers live there, where, their phone numbers (# for digits) and their currency."""

    customers: int
    places: tuple[Place, ...]
    phone: str
    currency: str


def _places(text: str) -> tuple[Place, ...]:
    return tuple(Place(*part.split("/")) for part in text.split("|"))


COUNTRIES: dict[str, Country] = {
    "USA": Country(
        92,
        _places(
            "CA/San Diego/921##|CA/Fresno/937##|CA/Oakland/946##|CA/San Jose/951##|TX/Austin/787##|TX/El Paso/799##|"
            "TX/Houston/770##|NY/Buffalo/142##|NY/Brooklyn/112##|FL/Tampa/336##|FL/Miami/331##|WA/Tacoma/984##|"
            "MA/Boston/021##|PA/Erie/165##|GA/Macon/312##|IL/Peoria/616##|CO/Boulder/803##"
        ),
        "+1-555-0##-####",
        "USD",
    ),
    "Canada": Country(
        34,
        _places(
            "Ontario/Ottawa/K1P #R#|Ontario/Toronto/M5V #T#|Quebec/Laval/H7N #K#|Alberta/Calgary/T2P #J#|"
            "British Columbia/Victoria/V8W #P#|Nova Scotia/Halifax/B3J #S#|Manitoba/Brandon/R7A #L#"
        ),
        "+1-555-1##-####",
        "CAD",
    ),
    "India": Country(
        27,
        _places(
            "Karnataka/Mysuru/5700##|Kerala/Kochi/6820##|Maharashtra/Pune/4110##|Goa/Panaji/4030##|"
            "Tamil Nadu/Madurai/6250##|Gujarat/Surat/3950##"
        ),
        "+91-555#-######",
        "USD",
    ),
    "Mexico": Country(
        22,
        _places(
            "Jalisco/Guadalajara/441##|Sonora/Hermosillo/830##|Puebla/Puebla/720##|Oaxaca/Oaxaca/680##|Yucatan/Merida/970##"
        ),
        "+52-555-###-####",
        "USD",
    ),
    "Germany": Country(
        18,
        _places("Bavaria/Munich/803##|Hesse/Kassel/341##|Saxony/Leipzig/041##|Berlin/Berlin/101##"),
        "+49-555-######",
        "EUR",
    ),
    "United Kingdom": Country(
        15,
        _places("England/Leeds/LS# #AB|England/Bristol/BS# #QD|Scotland/Dundee/DD# #HN|Wales/Swansea/SA# #PE"),
        "+44-5550-######",
        "GBP",
    ),
    "Brazil": Country(
        14,
        _places("Bahia/Salvador/400##-000|Parana/Curitiba/800##-000|Sao Paulo/Campinas/130##-000"),
        "+55-55-####-####",
        "USD",
    ),
    "Spain": Country(
        13,
        _places("Catalonia/Girona/170##|Galicia/Vigo/362##|Madrid/Madrid/280##|Valencia/Alicante/030##"),
        "+34-555-######",
        "EUR",
    ),
    "Japan": Country(
        11, _places("Osaka/Sakai/590-00##|Tokyo/Setagaya/154-00##|Fukuoka/Fukuoka/810-00##"), "+81-55-####-####", "JPY"
    ),
    "Australia": Country(
        9, _places("Victoria/Geelong/32##|Queensland/Cairns/48##|Tasmania/Hobart/70##"), "+61-5550-####", "USD"
    ),
    "Colombia": Country(
        7,
        _places("Antioquia/Medellin/0500##|Cundinamarca/Soacha/2500##|Risaralda/Pereira/6600##"),
        "+57-555-###-####",
        "USD",
    ),
    "Nigeria": Country(5, _places("Lagos/Ikeja/1002##|Kano/Kano/7002##"), "+234-555-###-####", "USD"),
    "Iceland": Country(2, (Place(None, "Akureyri", "6##"),), "+354-555-####", "EUR"),
}


class Listing(NamedTuple):
    """A ticker: what it is, its price in December 2021, how often it is traded, and what is odd about it.

    `first_day` and `last_day` bound its price records where it was listed later or earlier
    delisted; `priced` is False where there is none at all. `popularity` 0 means never traded.
    """

    symbol: str
    name: str
    type: str
    exchange: str
    price: float
    popularity: float
    currency: str = "USD"
    first_day: str | None = None
    last_day: str | None = None
    priced: bool = True


def _stocks(exchange: str, text: str) -> list[Listing]:
    rows = (line.split("|") for line in text.strip().splitlines())
    return [Listing(symbol, name, "stock", exchange, float(price), float(pop)) for symbol, name, price, pop in rows]


def _funds(fund_type: str, exchange: str, text: str) -> list[Listing]:
    return [listing._replace(type=fund_type) for listing in _stocks(exchange, text)]


LISTINGS: tuple[Listing, ...] = (
    *_stocks(
        "NASDAQ",
        """AAPL|Apple Inc.|172.5|30
AMZN|Amazon.com, Inc.|168|24
GOOGL|Alphabet Inc.|144.5|17
META|Meta Platforms, Inc.|333|19
NFLX|Netflix, Inc.|595|14
MSFT|Microsoft Corporation|324|26
NVDA|NVIDIA Corporation|284|28
TSLA|Tesla, Inc.|310|36
AMD|Advanced Micro Devices, Inc.|138|15
ADBE|Adobe Inc.|556|6
COST|Costco Wholesale Corporation|551|7
INTC|Intel Corporation|50.5|8
PYPL|PayPal Holdings, Inc.|187|7
PEP|PepsiCo, Inc.|169|10
SBUX|Starbucks Corporation|113|5
CMCSA|Comcast Corporation|49|4
BKNG|Booking Holdings Inc.|2210|5
CSCO|Cisco Systems, Inc.|59|5
QCOM|QUALCOMM Incorporated|178|6""",
    ),
    *_stocks(
        "NYSE",
        """BRK.B|Berkshire Hathaway Inc.|293|11
JPM|JPMorgan Chase & Co.|158|10
V|Visa Inc.|209|9
PG|Procter & Gamble Company|158|6
KO|The Coca-Cola Company|58|9
DIS|The Walt Disney Company|149|10
NKE|NIKE, Inc.|166|6
WMT|Walmart Inc.|142|7
XOM|Exxon Mobil Corporation|61|8
BA|The Boeing Company|193|6
PFE|Pfizer Inc.|58|7
GE|General Electric Company|92|4
F|Ford Motor Company|20|9
T|AT&T Inc.|23|5
UBER|Uber Technologies, Inc.|36|7
MCD|McDonald's Corporation|264|4
CAT|Caterpillar Inc.|204|3
CVX|Chevron Corporation|115|4
PEP|PepsiCo, Inc.|170|7""",
    ),
    Listing("SHOP", "Shopify Inc.", "stock", "NYSE", 137.5, 5, currency="CAD"),
    Listing("SAP", "SAP SE", "stock", "NYSE", 131.0, 3, currency="EUR"),
    Listing("TM", "Toyota Motor Corporation", "stock", "NYSE", 182.0, 3, currency="JPY"),
    Listing("TWTR", "Twitter, Inc.", "stock", "NYSE", 45.0, 6, last_day="2022-10-27"),
    Listing("ATVI", "Activision Blizzard, Inc.", "stock", "NASDAQ", 59.0, 4, last_day="2023-10-12"),
    Listing("BBBY", "Bed Bath & Beyond Inc.", "stock", "NASDAQ", 16.5, 3, last_day="2023-05-02"),
    Listing("ARM", "Arm Holdings plc", "stock", "NASDAQ", 61.0, 6, first_day="2023-09-14"),
    Listing("KVUE", "Kenvue Inc.", "stock", "NYSE", 26.0, 3, first_day="2023-05-04"),
    Listing("RIVN", "Rivian Automotive, Inc.", "stock", "NASDAQ", 23.0, 3, priced=False),
    Listing("ZM", "Zoom Video Communications, Inc.", "stock", "NASDAQ", 71.0, 2, priced=False),
    Listing("HSY", "The Hershey Company", "stock", "NYSE", 189.0, 0, priced=False),
    Listing("MMM", "3M Company", "stock", "NYSE", 175.0, 0),
    Listing("AZO", "AutoZone, Inc.", "stock", "NYSE", 2020.0, 0),
    *_funds(
        "etf",
        "NYSE Arca",
        """SPY|SPDR S&P 500 ETF Trust|464|13
VTI|Vanguard Total Stock Market ETF|236|8
GLD|SPDR Gold Shares|168|6
IWM|iShares Russell 2000 ETF|215|5
XLK|Technology Select Sector SPDR Fund|170|4
ARKK|ARK Innovation ETF|95|5
VNQ|Vanguard Real Estate ETF|112|3""",
    ),
    *_funds(
        "etf",
        "NASDAQ",
        """QQQ|Invesco QQQ Trust|387|10
VXUS|Vanguard Total International Stock ETF|63|4
BND|Vanguard Total Bond Market ETF|85|4
TLT|iShares 20+ Year Treasury Bond ETF|149|4""",
    ),
    # The symbol META belonged to this fund before the company took it over.
    Listing("META", "Roundhill Ball Metaverse ETF", "etf", "NYSE Arca", 15.4, 3, last_day="2022-01-28"),
    *_funds(
        "mutual fund",
        "Vanguard",
        """VTSAX|Vanguard Total Stock Market Index Fund|116|6
VFIAX|Vanguard 500 Index Fund|432|6
VIGAX|Vanguard Growth Index Fund|158|3
VBTLX|Vanguard Total Bond Market Index Fund|11.2|3
VWELX|Vanguard Wellington Fund|48|2
VMFXX|Vanguard Federal Money Market Fund|1|2""",
    ),
    Listing("VGSLX", "Vanguard Real Estate Index Fund", "mutual fund", "Vanguard", 159.0, 0),
    Listing("VTIAX", "Vanguard Total International Stock Index Fund", "mutual fund", "Vanguard", 34.0, 0, priced=False),
)
