//! What holds for all inputs: no panic, and no plaintext but the right one.

use std::{
    io::{Cursor, Read, Write},
    sync::LazyLock,
};

use proptest::prelude::*;
use seal::{DataKey, Envelope, Layout, SealOptions, SealWriter, Verified};

use crate::support::{KEY_BYTES, MAX_SIZE, OURS, STRANGER, opened, sealed_for, text};

static EXPORT: LazyLock<Vec<u8>> = LazyLock::new(|| text(70_000));
static TARBALL: LazyLock<Vec<u8>> = LazyLock::new(|| sealed_for(&OURS.public, &EXPORT));

fn key() -> DataKey {
    DataKey::from_bytes(&KEY_BYTES)
}

proptest! {
    #[test]
    fn flipped_bits_never_give_another_plaintext(
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0..8_u32), 1..4),
    ) {
        let mut tarball = TARBALL.clone();
        for (at, bit) in flips {
            let at = at.index(tarball.len());
            tarball[at] ^= 1 << bit;
        }
        if let Ok(plaintext) = opened(&tarball) {
            prop_assert!(plaintext == *EXPORT);
        }
    }

    #[test]
    fn a_cut_always_shows(at in any::<prop::sample::Index>()) {
        let length = at.index(TARBALL.len());
        let error = opened(&TARBALL[..length]).unwrap_err();
        prop_assert!(["not-a-tarball", "truncated-tarball"].contains(&error.code()), "{}", error);
    }

    #[test]
    fn a_cut_out_piece_always_shows(at in any::<prop::sample::Index>(), length in 1..5000_usize) {
        let start = at.index(TARBALL.len());
        let end = TARBALL.len().min(start + length);
        let tarball = [&TARBALL[..start], &TARBALL[end..]].concat();
        prop_assert!(opened(&tarball).is_err());
    }

    #[test]
    fn noise_opens_nothing(noise in prop::collection::vec(any::<u8>(), 0..3000)) {
        prop_assert!(opened(&noise).is_err());
    }

    #[test]
    fn noise_in_place_of_a_header_opens_nothing(
        noise in prop::array::uniform32(any::<u8>()),
        at in 0..480_usize,
    ) {
        let mut tarball = TARBALL.clone();
        tarball[at..at + 32].copy_from_slice(&noise);
        if let Ok(plaintext) = opened(&tarball) {
            prop_assert!(plaintext == *EXPORT);
        }
    }

    #[test]
    fn any_bytes_in_any_pieces_come_back_from_any_offset(
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..400), 0..20),
        iv in any::<[u8; 16]>(),
        created_at in any::<u64>(),
        offset in any::<prop::sample::Index>(),
    ) {
        let export = pieces.concat();
        let options = SealOptions {
            public_key: &STRANGER,
            data_key: &key(),
            iv,
            created_at,
            plaintext_len: export.len() as u64,
        };
        let mut writer = SealWriter::new(Vec::new(), &options).unwrap();
        for piece in &pieces {
            writer.write_all(piece).unwrap();
        }
        let mut source = Cursor::new(writer.finish().unwrap());
        let layout = Layout::read(&mut source, MAX_SIZE).unwrap();
        let verified = Verified::check(&mut source, &layout, &key()).unwrap();
        prop_assert_eq!(verified.plaintext_len(), export.len() as u64);
        let offset = offset.index(export.len() + 1);
        let mut suffix = Vec::new();
        verified.open(source, &key(), offset as u64).unwrap().read_to_end(&mut suffix).unwrap();
        prop_assert_eq!(suffix, &export[offset..]);
    }

    #[test]
    fn any_offset_of_a_long_export(offset in 0..=70_000_usize) {
        let mut source = Cursor::new(TARBALL.as_slice());
        let layout = Layout::read(&mut source, MAX_SIZE).unwrap();
        let verified = Verified::check(&mut source, &layout, &key()).unwrap();
        let mut suffix = Vec::new();
        verified.open(source, &key(), offset as u64).unwrap().read_to_end(&mut suffix).unwrap();
        prop_assert!(suffix == EXPORT[offset..]);
    }

    #[test]
    fn any_stored_layout_is_harmless(spans in prop::array::uniform6(prop_oneof![0..100_000_u64, any::<u64>()])) {
        let [a, b, c, d, e, f] = spans;
        let layout: Layout = serde_json::from_value(serde_json::json!({
            "export": {"offset": a, "size": b},
            "data_key": {"offset": c, "size": d},
            "public_key": {"offset": e, "size": f},
        })).unwrap();
        let mut source = Cursor::new(TARBALL.as_slice());
        prop_assert!(Envelope::read(&mut source, &layout).is_err());
        prop_assert!(Verified::check(&mut source, &layout, &key()).is_err());
    }
}
