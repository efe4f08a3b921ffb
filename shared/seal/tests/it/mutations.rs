//! Sealed exports that are nearly right: tarballs put together member by member, tokens edited letter by letter, and
//! what a holder of the key can sign. Each opens to what was sealed or ends in an error with a name.

use std::io::Cursor;

use proptest::prelude::*;
use proptest::sample::Index;
use seal::Layout;
use tar::EntryType;

use crate::support::{MAX_SIZE, encrypted, header, tarball_of, token, unsealed};

const NAMES: [&str; 3] = ["export.json", "data.key", "key.pub"];
const BLOCK: usize = 512;

/// One member of a tarball.
#[derive(Debug, Clone)]
struct Member {
    name: &'static str,
    kind: u8,
    /// The size that its header tells, if it is not the content's.
    told: Option<u64>,
    content: Vec<u8>,
    /// A byte of its header that is changed after the checksum was made.
    damage: Option<(Index, u8)>,
}

impl Member {
    fn bytes(&self) -> Vec<u8> {
        let size = self.told.unwrap_or(self.content.len() as u64);
        let mut bytes = header(self.name, EntryType::new(self.kind), size).as_bytes().to_vec();
        if let Some((at, with)) = &self.damage {
            bytes[at.index(BLOCK)] = *with;
        }
        bytes.extend_from_slice(&self.content);
        bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
        bytes
    }

    fn is_sound(&self) -> bool {
        [0, b'0'].contains(&self.kind) && self.told.is_none() && self.damage.is_none()
    }
}

fn members() -> impl Strategy<Value = Vec<Member>> {
    let name = prop_oneof![
        9 => prop::sample::select(NAMES.to_vec()),
        1 => prop::sample::select(vec!["", "KEY.PUB", "../key.pub", "/data.key", "export.json/", "a/../b"]),
    ];
    let kind = prop_oneof![18 => Just(b'0'), 2 => Just(0), 1 => any::<u8>()];
    let told = prop_oneof![
        18 => Just(None),
        1 => (0..2_000_u64).prop_map(Some),
        1 => prop::sample::select(vec![1 << 30, u64::MAX / 2, u64::MAX - 511, u64::MAX]).prop_map(Some),
    ];
    let damage = prop::option::weighted(0.05, any::<(Index, u8)>());
    let member = (name, kind, told, prop::collection::vec(any::<u8>(), 0..1_200), damage)
        .prop_map(|(name, kind, told, content, damage)| Member { name, kind, told, content, damage });
    let random = prop::collection::vec(member.clone(), 0..5);
    // The three that have to be there, in any order, the first of which may be anything else.
    let nearly = (Just(NAMES.to_vec()).prop_shuffle(), prop::collection::vec(member, 3), any::<bool>());
    let nearly = nearly.prop_map(|(names, mut members, renamed)| {
        let skipped = usize::from(renamed);
        for (member, name) in members.iter_mut().zip(names).skip(skipped) {
            member.name = name;
        }
        members
    });
    prop_oneof![1 => random, 4 => nearly]
}

/// How a text is edited.
#[derive(Debug, Clone)]
enum Edit {
    Replace(Index, u8),
    Insert(Index, u8),
    Delete(Index, usize),
    Repeat(Index, usize),
    Swap(Index, Index),
}

fn edits() -> impl Strategy<Value = Edit> {
    let letter = || prop_oneof![4 => "[A-Za-z0-9_-]", 1 => "[=\n\r +/]"].prop_map(|text| text.as_bytes()[0]);
    let letter = move || prop_oneof![9 => letter(), 1 => any::<u8>()];
    prop_oneof![
        (any::<Index>(), letter()).prop_map(|(at, with)| Edit::Replace(at, with)),
        (any::<Index>(), letter()).prop_map(|(at, with)| Edit::Insert(at, with)),
        (any::<Index>(), 1..70_usize).prop_map(|(at, count)| Edit::Delete(at, count)),
        (any::<Index>(), 1..70_usize).prop_map(|(at, count)| Edit::Repeat(at, count)),
        any::<(Index, Index)>().prop_map(|(one, other)| Edit::Swap(one, other)),
    ]
}

fn edit(text: &mut Vec<u8>, edit: &Edit) {
    if text.is_empty() {
        return;
    }
    let length = text.len();
    match edit {
        Edit::Replace(at, with) => text[at.index(length)] = *with,
        Edit::Insert(at, with) => text.insert(at.index(length + 1), *with),
        Edit::Delete(at, count) => drop(text.drain(at.index(length)..length.min(at.index(length) + count))),
        Edit::Repeat(at, count) => {
            let piece = text[at.index(length)..length.min(at.index(length) + count)].to_vec();
            text.splice(at.index(length)..at.index(length), piece);
        }
        Edit::Swap(one, other) => text.swap(one.index(length), other.index(length)),
    }
}

/// What all tests of this process may take together: sizes that a header tells cost nothing.
const LIMIT_KIB: u64 = 128 << 10;

/// An error that names what is wrong with the file, is not worth a retry, and has cost no memory.
fn assert_named(error: &seal::SealError) {
    let peak = outside::peak_kib();
    assert!(peak.is_none_or(|peak| peak < LIMIT_KIB), "{peak:?} KiB");
    assert!(!error.retryable() && !["", "io"].contains(&error.code()), "{error:?}");
    assert!(!error.to_string().is_empty());
}

proptest! {
    #[test]
    fn a_tarball_has_its_three_members_or_says_what_it_has_instead(
        members in members(),
        cut in prop::option::weighted(0.1, any::<Index>()),
    ) {
        let mut tarball: Vec<u8> = members.iter().flat_map(Member::bytes).collect();
        tarball.resize(tarball.len() + 2 * BLOCK, 0);
        if let Some(cut) = cut {
            tarball.truncate(cut.index(tarball.len()));
        }
        let mut names: Vec<_> = members.iter().map(|member| member.name).collect();
        names.sort_unstable();
        let is_right = names == ["data.key", "export.json", "key.pub"] && members.iter().all(Member::is_sound);
        match Layout::read(&mut Cursor::new(&tarball), MAX_SIZE) {
            Ok(_) => prop_assert!(cut.is_none()),
            Err(error) => {
                assert_named(&error);
                prop_assert!(!is_right || cut.is_some(), "{}", error);
            }
        }
        if let Err(error) = unsealed(&tarball) {
            assert_named(&error);
        }
    }

    #[test]
    fn an_edited_token_opens_to_nothing_else(
        plaintext in prop::collection::vec(any::<u8>(), 0..200),
        edits in prop::collection::vec(edits(), 0..4),
    ) {
        let pad = 16 - plaintext.len() % 16;
        let blocks = [plaintext.clone(), vec![u8::try_from(pad).unwrap(); pad]].concat();
        let right = token(0x80, [5; 16], &encrypted(blocks, [5; 16]));
        let mut edited = right.clone().into_bytes();
        edits.iter().for_each(|change| edit(&mut edited, change));
        let tarball = crate::support::tarball(&[
            ("export.json", &edited), ("data.key", b"wrapped"), ("key.pub", b"public"),
        ]);
        match unsealed(&tarball) {
            Ok(opened) => prop_assert_eq!(opened, plaintext),
            Err(error) => {
                assert_named(&error);
                prop_assert!(edited != right.as_bytes(), "{}", error);
            }
        }
    }

    #[test]
    fn what_a_holder_of_the_key_signs_opens_or_says_what_is_wrong(
        version in prop_oneof![4 => Just(0x80), 1 => any::<u8>()],
        iv in any::<[u8; 16]>(),
        ciphertext in prop::collection::vec(any::<u8>(), 0..100),
        whole in any::<bool>(),
    ) {
        let length = if whole { ciphertext.len() / 16 * 16 } else { ciphertext.len() };
        let ciphertext = &ciphertext[..length];
        match unsealed(&tarball_of(&token(version, iv, ciphertext))) {
            Ok(opened) => prop_assert!(version == 0x80 && length % 16 == 0 && opened.len() < length),
            Err(error) => assert_named(&error),
        }
    }
}
