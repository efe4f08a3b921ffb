//! What replacing promises, for texts of every kind.

use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use uuid::Uuid;

use super::*;

fn replacer(key: [u8; 32]) -> Replacer {
    Replacer::new(Permutation::new(&key))
}

/// What must stay of a character.
fn class(character: char) -> (bool, bool, bool, bool, Option<char>) {
    let is_sign = !character.is_alphanumeric();
    (
        character.is_ascii(),
        character.is_uppercase(),
        character.is_lowercase(),
        character.is_numeric(),
        is_sign.then_some(character),
    )
}

fn classes(text: &str) -> Vec<(bool, bool, bool, bool, Option<char>)> {
    text.chars().map(class).collect()
}

/// Texts of every kind, among them many that nearly have a form.
fn texts() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => "[a-z]{1,9}",
        2 => "[A-Z][a-z]{0,8}",
        2 => "[0-9]{1,4}",
        1 => "[0-9a-fA-F]{8}",
        1 => "[0-9a-f]{4}",
        1 => "[0-9a-f]{12,40}",
        1 => "[a-g0-9]{15,33}",
        1 => "(25[0-9]|[1-9]?[0-9])(\\.[0-9]{1,3}){3}",
        1 => "[0-9a-f]{8}-[0-9a-g]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        1 => "[0-9a-f]{1,4}(:[0-9a-f]{1,4}){1,7}(::)?",
        1 => "https?://[a-z]{1,5}(:[0-9]{2,4})?/",
        1 => "%[0-9a-g]{2}[a-z]?",
        1 => "\\PC{1,6}",
        1 => "[äöüßéÀŸſıİǅΣσς]{1,4}",
        1 => "[а-яА-Я]{1,6}",
        1 => "[一-龥]{1,4}",
        1 => any::<String>(),
    ];
    let joint = prop_oneof!["[-._ @:/+]", Just(String::new()), Just("://".to_owned())];
    proptest::collection::vec((part, joint), 0..5)
        .prop_map(|parts| parts.into_iter().map(|(part, joint)| part + &joint).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn lengths_and_classes_stay(text in texts(), key in any::<[u8; 32]>()) {
        let new = replacer(key).replace(&text);
        prop_assert_eq!(classes(&new), classes(&text), "{} became {}", text, new);
    }

    #[test]
    fn different_texts_stay_different_and_equal_ones_equal(
        texts in proptest::collection::vec(texts(), 2..20),
        key in any::<[u8; 32]>(),
    ) {
        let replacer = replacer(key);
        let new: Vec<String> = texts.iter().map(|text| replacer.replace(text)).collect();
        for (one, new_one) in texts.iter().zip(&new) {
            for (other, new_other) in texts.iter().zip(&new) {
                prop_assert_eq!(new_one == new_other, one == other);
            }
        }
    }

    #[test]
    fn case_is_ignored_and_kept(word in "[a-zA-Z0-9]{1,24}(-[a-zA-Z0-9]{1,8}){0,4}", key in any::<[u8; 32]>()) {
        let replacer = replacer(key);
        prop_assert_eq!(replacer.replace(&word.to_lowercase()), replacer.replace(&word).to_lowercase());
        prop_assert_eq!(replacer.replace(&word.to_uppercase()), replacer.replace(&word).to_uppercase());
    }

    #[test]
    fn addresses_stay_addresses(
        v4 in any::<Ipv4Addr>(), v6 in any::<Ipv6Addr>(), sparse in any::<[u8; 2]>(), key in any::<[u8; 32]>(),
    ) {
        let replacer = replacer(key);
        let sparse = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, u16::from(sparse[0]), u16::from(sparse[1]));
        let new: Ipv4Addr = replacer.replace(&v4.to_string()).parse().unwrap();
        prop_assert_ne!(new, v4);
        for v6 in [v6, sparse, v4.to_ipv6_mapped(), v4.to_ipv6_compatible()] {
            let new = replacer.replace(&v6.to_string());
            prop_assert!(new.parse::<Ipv6Addr>().is_ok(), "{} became {}", v6, new);
        }
    }

    #[test]
    fn uuids_stay_of_their_version(bytes in any::<[u8; 16]>(), version in 1u8..9, key in any::<[u8; 32]>()) {
        let replacer = replacer(key);
        let mut versioned = bytes;
        versioned[6] = (version << 4) | (bytes[6] & 15);
        versioned[8] = 128 | (bytes[8] & 63);
        for uuid in [Uuid::from_bytes(bytes), Uuid::from_bytes(versioned)] {
            let new: Uuid = replacer.replace(&uuid.to_string()).parse().unwrap();
            prop_assert_ne!(new, uuid);
            prop_assert_eq!(replacer.replace(&uuid.simple().to_string()), new.simple().to_string());
            let embedded = replacer.replace(&format!("app-{uuid}"));
            prop_assert_eq!(embedded.split_once('-').unwrap().1, new.to_string());
        }
        let new: Uuid = replacer.replace(&Uuid::from_bytes(versioned).to_string()).parse().unwrap();
        prop_assert_eq!(new.get_version_num(), usize::from(version));
        prop_assert_eq!(new.get_variant(), uuid::Variant::RFC4122);
    }

    #[test]
    fn words_are_the_same_wherever_they_stand(
        name in proptest::collection::vec("[A-Z][a-z]{1,9}", 1..4),
        domain in "[a-z]{1,9}(-[a-z]{1,5})?\\.[a-z]{2,4}",
        key in any::<[u8; 32]>(),
    ) {
        let replacer = replacer(key);
        let new: Vec<String> = name.iter().map(|word| replacer.replace(word)).collect();
        prop_assert_eq!(replacer.replace(&name.join(" ")), new.join(" "));
        let slug = |name: &[String]| name.join("-").to_lowercase();
        prop_assert_eq!(replacer.replace(&slug(&name)), slug(&new));
        let new_domain = replacer.replace(&domain);
        let local = slug(&name);
        let expected = format!("{}@{new_domain}", slug(&new));
        prop_assert_eq!(replacer.replace(&format!("{local}@{domain}")), expected);
        let url = replacer.replace(&format!("https://{local}:password@{domain}:8443/{local}?q=%20{local}"));
        let (user, local) = (replacer.replace("password"), slug(&new));
        let q = replacer.replace("q");
        prop_assert_eq!(url, format!("https://{local}:{user}@{new_domain}:8443/{local}?{q}=%20{local}"));
    }

    #[test]
    fn nothing_stays_that_could_be_something_else(text in "[a-zA-Z0-9]{1,30}", key in any::<[u8; 32]>()) {
        prop_assert_ne!(replacer(key).replace(&text), text);
    }
}

/// All texts of a small shape, with and without what looks like a number: each is met exactly once.
#[test]
fn small_shapes_are_permuted() {
    let replacer = replacer([3; 32]);
    for shape in ["a", "7", "aa", "7a", "a7a", "7.7", "é"] {
        let mut texts = vec![String::new()];
        for character in shape.chars() {
            let others: Vec<char> = match character {
                'a' => ('a'..='z').collect(),
                '7' => ('0'..='9').collect(),
                'é' => ('ß'..='ÿ').filter(|other| other.is_alphabetic()).collect(),
                sign => vec![sign],
            };
            let longer =
                texts.iter().flat_map(|text| others.iter().map(move |other| format!("{text}{other}")));
            texts = longer.collect();
        }
        let new: std::collections::HashSet<String> =
            texts.iter().map(|text| replacer.replace(text)).collect();
        assert_eq!(new.len(), texts.len(), "{shape}");
        assert!(texts.iter().all(|text| new.contains(text) || shape == "é"), "{shape}");
    }
}

#[test]
fn signs_schemes_and_nothing_stay() {
    let replacer = replacer([3; 32]);
    for text in ["", " ", "—", "://", "@", "::", "🦀", "…%"] {
        assert_eq!(replacer.replace(text), text);
    }
    for (text, beginning, ending) in [
        ("https://example.com", "https://", ""),
        ("see ftp://example.com:21/a", "", ""),
        ("http://[2001:db8::1]:8080", "http://[", "]:8080"),
        ("http://10.0.0.1:9000/", "http://", ":9000/"),
    ] {
        let new = replacer.replace(text);
        assert!(new.starts_with(beginning) && new.ends_with(ending) && new != text, "{text} became {new}");
    }
    assert!(replacer.replace("see ftp://example.com:21/a").contains(" ftp://"));
}

/// A word that became a number would meet what a number becomes; of words with one letter every fourth could.
#[test]
fn words_never_become_numbers_nor_numbers_words() {
    let replacer = replacer([3; 32]);
    for number in 0..200u64 {
        for (text, is_number) in [
            (format!("{number:015}g"), false),
            (format!("{number:015}a"), true),
            (format!("{number:08}-0000-4000-8000-00000000000g"), false),
            (format!("{number:08}-0000-4000-8000-00000000000a"), true),
        ] {
            let is_hex = |text: &str| text.chars().all(|digit| digit.is_ascii_hexdigit() || digit == '-');
            let new = replacer.replace(&text);
            assert_eq!(is_hex(&new), is_number, "{text} became {new}");
        }
    }
}
