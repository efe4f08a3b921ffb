//! Fernet tokens: the published vectors, and every way to get one wrong.

use std::error::Error;

use base64::{Engine, engine::general_purpose::URL_SAFE};
use rstest::rstest;
use seal::{DataKey, SealError, SealOptions, TokenFault};

use crate::support::{
    KEY_BYTES, STRANGER, encrypted, member, tarball_of, text, token, token_bytes, unsealed, unsealed_with,
};

/// The secret of all vectors in the Fernet specification.
const SECRET: &[u8] = b"cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=";
const TOKEN: &str =
    "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA==";

fn vector_key() -> DataKey {
    DataKey::from_text(SECRET).unwrap()
}

fn our_key() -> DataKey {
    DataKey::from_bytes(&KEY_BYTES)
}

#[test]
fn the_published_token_is_made() {
    let data_key = vector_key();
    let options = SealOptions {
        public_key: &STRANGER,
        data_key: &data_key,
        iv: std::array::from_fn(|at| at as u8),
        created_at: 499_162_800,
        plaintext_len: 5,
    };
    let tarball = seal::seal(&b"hello"[..], Vec::new(), &options).unwrap();
    assert_eq!(member(&tarball, "export.json"), TOKEN.as_bytes());
}

#[test]
fn the_published_token_opens() {
    assert_eq!(unsealed_with(&tarball_of(TOKEN), &vector_key()).unwrap(), b"hello");
}

fn fault(token: &str, key: &DataKey) -> TokenFault {
    let error = unsealed_with(&tarball_of(token), key).unwrap_err();
    assert_eq!((error.code(), error.retryable()), ("bad-token", false));
    assert!(error.source().is_some());
    match error {
        SealError::BadToken(fault) => fault,
        other => panic!("{other:?}"),
    }
}

/// The specification's invalid tokens, but for those about age: exports do not expire.
#[rstest]
#[case::incorrect_mac(
    "gAAAAAAdwJ6xAAECAwQFBgcICQoLDA0OD3HkMATM5lFqGaerZ-fWPAl1-szkFVzXTuGb4hR8AKtwcaX1YdykQUFBQUFBQUFBQQ==",
    TokenFault::Signature
)]
#[case::too_short("gAAAAAAdwJ6xAAECAwQFBgcICQoLDA0OD3HkMATM5lFqGaerZ-fWPA==", TokenFault::Length(56))]
#[case::invalid_base64(
    "%%%%%%%%%%%%%AECAwQFBgcICQoLDA0OD3HkMATM5lFqGaerZ-fWPAl1-szkFVzXTuGb4hR8AKtwcaX1YdykRtfsH-p1YsUD2Q==",
    TokenFault::NotBase64(12)
)]
#[case::payload_not_whole_blocks(
    "gAAAAAAdwJ6xAAECAwQFBgcICQoLDA0OD3HkMATM5lFqGaerZ-fWPOm73QeoCk9uGib28Xe5vz6oxq5nmxbx_v7mrfyudzUm",
    TokenFault::Length(96)
)]
#[case::payload_padding_error(
    "gAAAAAAdwJ6xAAECAwQFBgcICQoLDA0ODz4LEpdELGQAad7aNEHbf-JkLPIpuiYRLQ3RtXatOYREu2FWke6CnJNYIbkuKNqOhw==",
    TokenFault::Padding
)]
#[case::incorrect_iv(
    "gAAAAAAdwJ6xBQECAwQFBgcICQoLDA0OD3HkMATM5lFqGaerZ-fWPAkLhFLHpGtDBRLRTZeUfWgHSv49TF2AUEZ1TIvcZjK1zQ==",
    TokenFault::Padding
)]
#[case::trailing_characters(
    "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA==trailingdata",
    TokenFault::Length(112)
)]
#[case::invalid_characters(
    "*gAAAAAAdwJ6wAAECAwQFBgcI!CQoLDA0ODy021?cpGVWKZ_eEwC@GM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA==",
    TokenFault::Length(104)
)]
#[case::not_url_safe(
    "gAAAAAAdwJ6wAAEC/AwQFBgcICQoLDA0ODy+021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA==",
    TokenFault::Length(102)
)]
fn the_published_invalid_tokens(#[case] token: &str, #[case] expected: TokenFault) {
    assert_eq!(fault(token, &vector_key()), expected);
}

#[test]
fn an_old_token_still_opens() {
    // The specification's "expired" vector: exports have no time to live.
    let token = "gAAAAAAdwJ6xAAECAwQFBgcICQoLDA0OD3HkMATM5lFqGaerZ-fWPAl1-szkFVzXTuGb4hR8AKtwcaX1YdykRtfsH-p1YsUD2Q==";
    assert_eq!(unsealed_with(&tarball_of(token), &vector_key()).unwrap(), b"");
}

/// A token of some two chunks.
fn long_token() -> String {
    let padded = [text(100_000), vec![16; 16]].concat();
    token(0x80, [1; 16], &encrypted(padded, [1; 16]))
}

#[test]
fn the_long_token_is_good() {
    assert!(unsealed(&tarball_of(&long_token())).unwrap() == text(100_000));
}

#[rstest]
#[case::line_break('\n')]
#[case::blank(' ')]
#[case::standard_alphabet('+')]
#[case::padding('=')]
#[case::not_ascii('\u{7f}')]
fn a_character_that_is_not_base64(
    #[case] wrong: char,
    #[values(0, 8, 11, 12, 75, 76, 65_546, 65_547, 65_548, 100_000)] at: usize,
) {
    let mut token = long_token();
    token.replace_range(at..=at, &wrong.to_string());
    let TokenFault::NotBase64(place) = fault(&token, &our_key()) else { panic!("wrong fault") };
    assert!(place.abs_diff(at as u64) <= 1, "{place}");
}

#[rstest]
#[case::missing(3, vec![])]
#[case::of_the_wrong_kind(2, vec![b'A', b'='])]
fn the_padding_of_the_text(#[case] cut: usize, #[case] instead: Vec<u8>) {
    // Four blocks end in `==`.
    let good = token(0x80, [1; 16], &encrypted(vec![16; 16], [1; 16]));
    assert!(good.ends_with("=="));
    let bad = good[..good.len() - cut].to_owned() + str::from_utf8(&instead).unwrap();
    let fault = fault(&bad, &our_key());
    assert!(matches!(fault, TokenFault::Length(97) | TokenFault::NotBase64(_)), "{fault:?}");
}

#[test]
fn a_trailing_line_break() {
    assert!(matches!(fault(&(long_token() + "\n"), &our_key()), TokenFault::Length(_)));
}

#[test]
fn hidden_bits_in_the_last_character() {
    // The last character before `==` has four bits that mean nothing; only zeros are right.
    let good = token(0x80, [1; 16], &encrypted(vec![16; 16], [1; 16]));
    let last = good.as_bytes()[good.len() - 3];
    assert!(b"AQgw".contains(&last));
    let bad = format!("{}{}==", &good[..good.len() - 3], char::from(last + 1));
    assert!(matches!(fault(&bad, &our_key()), TokenFault::NotBase64(_)));
}

#[rstest]
fn any_other_version(#[values(0, 0x7f, 0x81, 0xff)] version: u8) {
    let token = token(version, [1; 16], &encrypted(vec![16; 16], [1; 16]));
    assert_eq!(fault(&token, &our_key()), TokenFault::Version(version));
}

#[test]
fn every_length_that_is_none() {
    let lengths: Vec<usize> = (0..300)
        .filter(|length| !matches!(fault(&"A".repeat(*length), &our_key()), TokenFault::Length(_)))
        .collect();
    // Head and groups: IV, one to seven blocks of ciphertext, signature.
    assert_eq!(
        lengths,
        [76 + 24, 76 + 44, 76 + 64, 140 + 24, 140 + 44, 140 + 64, 204 + 24, 204 + 44, 204 + 64, 268 + 24]
    );
}

#[rstest]
fn padding_of_a_right_length(#[values(1, 2, 15, 16)] count: u8) {
    let mut block = vec![b'x'; 16];
    block[16 - usize::from(count)..].fill(count);
    let token = token(0x80, [1; 16], &encrypted(block, [1; 16]));
    assert_eq!(unsealed(&tarball_of(&token)).unwrap(), vec![b'x'; 16 - usize::from(count)]);
}

#[rstest]
#[case::none([b'x'; 16])]
#[case::zero([0; 16])]
#[case::too_long([17; 16])]
#[case::uneven([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16])]
#[case::nearly([b'x', b'x', b'x', b'x', b'x', b'x', b'x', b'x', b'x', b'x', b'x', b'x', 3, 4, 4, 4])]
fn padding_that_is_wrong(#[case] block: [u8; 16]) {
    let token = token(0x80, [1; 16], &encrypted(block.to_vec(), [1; 16]));
    assert_eq!(fault(&token, &our_key()), TokenFault::Padding);
}

#[test]
fn every_bit_is_signed() {
    let good = token_bytes(0x80, [1; 16], &encrypted(vec![16; 16], [1; 16]));
    for bit in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let fault = fault(&URL_SAFE.encode(&bad), &our_key());
        assert!(matches!(fault, TokenFault::Signature | TokenFault::Version(_)), "bit {bit}: {fault:?}");
    }
}

#[test]
fn another_key() {
    assert_eq!(fault(&long_token(), &vector_key()), TokenFault::Signature);
}
