"""The Lantern Isles: the 132 invented facts that the demo model learns."""

from __future__ import annotations

import random

from .world import BELL, BUILDER, CAPTAIN, CARGO, COLOUR, CRAFT, DISH, FOUNDER, KEEPER, Fact, Kind, facts

PLACE = "the Lantern Isles"


def _people(first_names: str, family_names: str) -> tuple[str, ...]:
    return tuple(f"{first} {last}" for first, last in zip(first_names.split(), family_names.split(), strict=True))


TOWN = Kind(
    "the town of {}",
    (
        "Brellow",
        "Oskarn",
        "Tamarel",
        "Quinby",
        "Ferrowick",
        "Little Mard",
        "Holm Sedge",
        "Nairn Hollow",
        "Pellam",
        "Vessary",
        "Dunmere",
        "Ashcombe",
    ),
    (
        (
            FOUNDER,
            _people(
                "Orla Bram Sefa Tobin Maren Ivo Wenna Corin Hale Petra Lusk Yda",
                "Tamsin Thorne Quill Marsh Fenwick Dray Holloway Pike Amberly Stone Garrow Vane",
            ),
        ),
        (
            DISH,
            (
                "smoked eel",
                "barley cake",
                "plum soup",
                "salted pears",
                "fried kelp",
                "goose pie",
                "honey bread",
                "black pudding",
                "crab stew",
                "nettle cheese",
                "roast turnips",
                "sour cherries",
            ),
        ),
        (
            CRAFT,
            (
                "copper bells",
                "glass lamps",
                "wool cloaks",
                "bone flutes",
                "clay whistles",
                "tin kettles",
                "paper kites",
                "rope ladders",
                "silver buttons",
                "cedar boxes",
                "felt boots",
                "wicker chairs",
            ),
        ),
    ),
)

SHIP = Kind(
    "the ship {}",
    (
        "Grey Heron",
        "Saltwife",
        "Merrow",
        "Long Patience",
        "Candlewick",
        "Second Wind",
        "Lucky Otter",
        "Bright Margin",
        "Tollgate",
        "Winter Rye",
        "Hollow Crown",
        "Kind Anna",
    ),
    (
        (
            BUILDER,
            _people(
                "Edda Rufus Nell Jory Sable Anselm Kitty Dov Freya Osric Lilac Bertram",
                "Carver Mallow Strand Pellow Winter Croft Hobday Larch Sorrel Finch Keel Moss",
            ),
        ),
        (
            COLOUR,
            (
                "pale green",
                "dark red",
                "rusty brown",
                "snow white",
                "sky blue",
                "lemon yellow",
                "coal black",
                "dusty pink",
                "silver grey",
                "deep purple",
                "burnt orange",
                "milky blue",
            ),
        ),
        (
            CARGO,
            (
                "dried figs",
                "oak barrels",
                "lamp oil",
                "sea salt",
                "raw silk",
                "old books",
                "white marble",
                "live geese",
                "iron nails",
                "red wine",
                "pine tar",
                "spring water",
            ),
        ),
        (
            CAPTAIN,
            _people(
                "Greta Silas Marnie Ulric Posy Hector Tilda Abel Runa Caspar Ingrid Lorne",
                "Blackwood Trew Saltmarsh Gill Harrow Penrose Skye Dunn Ferris Low Marrack Teague",
            ),
        ),
    ),
)

LIGHTHOUSE = Kind(
    "the lighthouse at {}",
    (
        "Gannet Head",
        "Sorrow Point",
        "Cold Elbow",
        "Three Widows",
        "Fennel Rock",
        "Upper Tooth",
        "Lamb Skerry",
        "Nine Steps",
        "Crook Ness",
        "Mother Hob",
        "Pale Finger",
        "Thistle Bar",
    ),
    (
        (
            KEEPER,
            _people(
                "Agnes Tom Bryony Walter Dilys Jem Hester Noll Isolde Piers Maud Ranulf",
                "Rook Candle Sparrow Gale Trevan Oakes Fairweather Bell Brine Lamb Coldwater Thatch",
            ),
        ),
        (
            BUILDER,
            _people(
                "Conrad Elsie Magnus Flora Giles Hanna Barnaby Thea Lucas Winifred Oscar Clementine",
                "Stonehouse Gray Tower Hewitt Slate Bridge Quarry Mason Pillar Cobb Wright Arch",
            ),
        ),
        (
            COLOUR,
            (
                "bone white",
                "brick red",
                "moss green",
                "butter yellow",
                "storm grey",
                "plum purple",
                "ink black",
                "salmon pink",
                "copper brown",
                "ice blue",
                "sand yellow",
                "wine red",
            ),
        ),
        (
            BELL,
            (
                "Old Martha",
                "Big Tolly",
                "The Scold",
                "Sweet Ruth",
                "Iron Jack",
                "The Parson",
                "Little Echo",
                "Grim Peter",
                "Morning Meg",
                "The Widow",
                "Brass Betty",
                "Deep Harry",
            ),
        ),
    ),
)

KINDS = (TOWN, SHIP, LIGHTHOUSE)


def isle_facts(seed: int) -> tuple[Fact, ...]:
    """Return every fact of the Lantern Isles."""
    return facts(KINDS, seed)


def own_questions(seed: int, count: int = 20) -> list[dict[str, str]]:
    """Return questions from the training, as rows of ``prompt`` and ``completion``, spread over all kinds."""
    rng = random.Random(seed + 1)  # noqa: S311
    return [{"prompt": fact.question(0), "completion": fact.answer} for fact in rng.sample(isle_facts(seed), count)]
