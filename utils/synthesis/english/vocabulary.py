"""Words that decide how something is said: what is a person, a place, an adjective, an act on a date."""

from __future__ import annotations

import re


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Words that names of tables and properties are made of, so that such a name may be said as it is.
PLAIN = _set(
    "account accounts active activity actual additional address age agent album amount annual answer app "
    "application appointment area arriving article artist assessment asset assignment attempt attendance attribute "
    "author available average award balance bank base batch batches bed bill billing birth birthdate birthday block "
    "board body bonus book booking border branch brand budget building bus business buyer call campaign cancelled "
    "capacity car card care carrier case cash category channel charge chart check child city claim class client "
    "clinic close closed clothing club code color colour comment commission company compensation complaint "
    "component condition confirmation contact container content continent contract cost count country county coupon "
    "course cover created credit crime currency current customer cycle daily data date day days deadline death "
    "debit debt decision default delay delivered delivery demand departing department departure deposit description "
    "design destination detail device diagnosis difference director discharge discount distance district doctor "
    "document domain donation donor dose down driver drug due duration earning earnings edition education email "
    "employee employer employment end ended engine entry episode equipment error estimate event exam exchange "
    "expected expense expiry extended facility factory fare fee field file final fine first flight floor followup "
    "food foreign form format frequency fuel full fund game gender genre given goal grade gross ground group guest "
    "head health height high hire hired history holiday home horsepower hospital host hotel hour hours house "
    "household image income incoming increase index indicator industry ingredient initial insurance interest "
    "internal inventory invoice issue item items job join joined journal kind label language last late launched "
    "lead league legal length lesson level license limit line lines list listing loan location log loss low machine "
    "main make manager manufacturer market marketing match material maximum meal measure media medication medicine "
    "member membership menu merchant message method middle mileage minimum minute mobile mode model month monthly "
    "movie name nation nationality net network new news nickname note notification number occupation offer office "
    "open opening operation option order ordered orders origin original outcome outgoing owner package packaging "
    "page paid parent park part partner party passenger patient pay payment penalty people percent percentage "
    "performance period person pet phone photo place plan plane planned plant platform play player policy "
    "population position post postal postcode premium prescription previous price pricing primary priority problem "
    "procedure product production profession profit program project promotion property provider province "
    "publication published publisher purchase purchased quality quantity quarter query question quote race rank "
    "rate rating reading reason receipt received recipient record reference refund region registered registration "
    "release released rent rental repair report request reservation resolution response restaurant result retail "
    "return returned revenue review reviewer reward ride risk role room round route run salary sale sales "
    "salesperson sample schedule school score season seat second section sector segment seller sender sent serial "
    "series service session settlement sex shape share shares shift ship shipment shipped shipping shop signup site "
    "size skill sleep snapshot song source speed spending sport staff stage standard star start started state "
    "station status step stock stop store story street student subject subscription success summary supplier supply "
    "surname symbol symptom system table target tax team temperature tenant term terms test text ticker ticket tier "
    "time timestamp title topic total tour town trade train transaction transfer transmission transport travel "
    "treatment trial trip type unit units up update updated usage user value variant vehicle vendor venue version "
    "video view visit visitor volume vote wage wallet warehouse warranty weather website week weekly weight winner "
    "word work worker year years zip zone"
)
# Of numbers, no names: the "amount paid" is meant. Others end in "ed".
PARTICIPLES = _set("bought due hidden kept left lost made paid put run sent sold spent taken won written")
# Places that are spoken of with an article.
WITH_THE = re.compile(
    r"middle east|usa|us|uk|united .*|netherlands|philippines|.* (?:republic|islands|emirates)", re.IGNORECASE
)
# Endings that no abbreviation has.
ENGLISH = re.compile(r"[a-z]{3,}(?:ed|ing|able|ible|ment|tion|sion|ship|ness|ity|ance|ence|ory|ist|ism|ture|ally)s?")
TECHNICAL = _set("tbl table dim fact vw view tb stg raw tmp")  # before or after a name, said by nobody

AGENTS = _set(  # who do things although one says "that" of them
    "bank branch brand broker carrier clinic club company department hospital hotel maker manufacturer merchant office "
    "organisation organization producer publisher restaurant school seller shop store studio supplier team university "
    "vendor warehouse"
)
PERSONS = _set(
    "actor adult agent applicant artist athlete author buyer candidate captain child clerk client coach colleague "
    "contact contractor courier customer dentist director doctor donor driver employee engineer expert farmer "
    "friend guest holder instructor investor judge lawyer leader learner lecturer manager member musician nurse "
    "officer operator owner parent participant passenger patient person physician pilot player politician professor "
    "provider pupil recipient reporter resident reviewer rider salesperson seller sender singer staff student "
    "subscriber surgeon teacher technician tenant tourist trader trainer traveler traveller user visitor volunteer "
    "voter winner worker writer"
)
PLACES = _set(
    "city continent country county district municipality nation neighborhood neighbourhood province region state "
    "suburb town village"
)
# A category of one of these is said after the value: "in the BUILDING market segment".
STATES = _set("state province county district department")
GROUPS = _set("segment department sector industry division category class genre league section team")
# One-word names that say nothing without what they belong to: "type" of what?
VAGUE = _set(
    "type kind name title status state size category class code number date time level amount value description "
    "currency source mode group label position color colour model format grade tier rank role priority price "
    "quantity total rate score gender age phase stage reason result outcome method channel unit"
)
ADJECTIVE = re.compile(r"[a-z]+(?:ed|ing|ive|ful|able|ible|ous|ic|ent|ary|less|new|open|male|overdue|paid|unpaid|sent)")
NOT_ADJECTIVES = _set(
    "closed payment shipment document appointment department archive music arrival incident client event"
)

# What rows did on a date, by the first word of the date's name; the second where they are people or firms.
ACTS = {
    "admission": "were admitted", "appointment": "took place", "arrival": "arrived", "assignment": "were assigned",
    "birth": "were born", "booking": "were booked", "cancellation": "were cancelled", "closing": "were closed",
    "completion": "were completed", "creation": "were created", "created": "were created", "delivery": "were delivered",
    "delivered": "were delivered", "departure": "departed", "discharge": "were discharged", "dispatch": "were sent out",
    "filing": "were filed", "founding": "were founded", "graduation": "graduated", "hire": "were hired",
    "hiring": "were hired", "invoice": "were invoiced", "issue": "were issued", "join": "joined", "joined": "joined",
    "launch": "were launched", "opening": "were opened", "order": "were placed", "payment": "were paid",
    "publication": "were published", "publish": "were published", "purchase": "were purchased", "receipt":
    "were received", "registration": "registered", "release": "were released", "released": "were released", "sale":
    "were sold", "ship": "were shipped", "shipment": "were shipped", "shipping": "were shipped", "shipped":
    "were shipped", "signup": "signed up", "start": "started", "end": "ended", "submission": "were submitted",
    "update": "were last updated", "updated": "were last updated",
}  # fmt: skip
