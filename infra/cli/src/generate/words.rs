//! The words that generated names are made of.

/// What organisations are named after.
pub(super) const PLACES: &[&str] = &[
    "alder", "bay", "birch", "brook", "canyon", "cedar", "cliff", "cove", "delta", "dune", "elm", "fjord",
    "glade", "grove", "harbor", "heath", "hill", "island", "lagoon", "lake", "marsh", "meadow", "mesa",
    "moor", "oasis", "orchard", "pine", "plain", "prairie", "reef", "ridge", "river", "shore", "spring",
    "summit", "tundra", "vale", "willow",
];

/// First names of people, in lower case.
pub(super) const FIRST_NAMES: &[&str] = &[
    "ada", "aiko", "amara", "anouk", "bao", "bela", "carmen", "chidi", "dana", "dario", "elif", "emil",
    "fatima", "finn", "goran", "hana", "ines", "ivo", "jamal", "jonas", "kai", "keiko", "lena", "luis",
    "maeve", "mateo", "mira", "nadia", "noor", "olga", "omar", "paula", "pavel", "quinn", "rosa", "sami",
    "tariq", "uma", "vera", "wanda", "yara", "zoe",
];

/// Last names of people, in lower case.
pub(super) const LAST_NAMES: &[&str] = &[
    "abadi", "berger", "castro", "dahl", "eze", "fischer", "garcia", "haddad", "ito", "jansen", "keller",
    "lopez", "moreau", "nakata", "okafor", "petrov", "quispe", "rossi", "sato", "tanaka", "ueda", "varga",
    "weber", "xu", "yilmaz", "zeman",
];

/// What projects and teams work on.
pub(super) const SERVICES: &[&str] = &[
    "accounts",
    "billing",
    "catalog",
    "checkout",
    "delivery",
    "editor",
    "feed",
    "gateway",
    "inbox",
    "ledger",
    "maps",
    "orders",
    "payments",
    "reports",
    "search",
    "sessions",
    "shipping",
    "storefront",
    "tickets",
    "uploads",
];

/// What projects run on; the empty one stands for none.
pub(super) const PLATFORMS: &[&str] =
    &["", "android", "cocoa", "elixir", "go", "java", "javascript", "node", "php", "python", "ruby", "rust"];

/// Where people live.
pub(super) const TIMEZONES: &[&str] = &[
    "Africa/Nairobi",
    "America/Bogota",
    "America/New_York",
    "Asia/Kolkata",
    "Asia/Tokyo",
    "Australia/Sydney",
    "Europe/Lisbon",
    "Europe/Vienna",
    "UTC",
];

/// A name with its words in upper case: `gen-lake-1` becomes `Gen Lake 1`.
pub(super) fn title(name: &str) -> String {
    let words = name.split('-').map(|word| {
        let mut letters = word.chars();
        let first = letters.next().map(|first| first.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    });
    words.collect::<Vec<_>>().join(" ")
}
