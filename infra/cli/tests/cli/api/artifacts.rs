//! `artifact`: a file, however the API hands it out.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use rstest::rstest;
use seal::{DataKey, PublicKey, SealOptions};
use serde_json::{Value, json};

use super::UUID;
use super::server::Server;
use crate::support::Folder;

const KEY: [u8; 32] = [7; 32];
const CONTENT: &str = "[\"ä\"]\n";

fn sealed(folder: &Folder) -> Vec<u8> {
    let options = SealOptions {
        public_key: &PublicKey::from_pem(&folder.read("public.pem")).unwrap(),
        data_key: &DataKey::from_bytes(&KEY),
        iv: [1; 16],
        created_at: 0,
        plaintext_len: CONTENT.len() as u64,
    };
    seal::seal(CONTENT.as_bytes(), Vec::new(), &options).unwrap()
}

/// A server that hands out a file by its URL.
fn handing_out(file: Vec<u8>, sealed: bool, key: Value) -> Server {
    Server::start(move |server, exchange| {
        if exchange.target == "/store" {
            assert_eq!(exchange.header("authorization"), None, "the store is told the token");
            return exchange.answer_with(200, &[], &file);
        }
        let url = format!("{}/store", server.endpoint());
        let expires = "2126-11-20T09:00:00Z";
        exchange.answer(
            200,
            &json!({"url": url, "expiresAt": expires, "size": file.len(), "sealed": sealed, "dataKey": key}),
        );
    })
}

fn read(line: &str) -> String {
    format!("artifact {UUID} in/raw-relocation-data.tar {line}")
}

#[test]
fn a_small_file_comes_with_the_answer() {
    let server = Server::answering(200, json!({"contents": CONTENT}));
    let folder = Folder::new();
    assert_eq!(folder.call(&server, &format!("artifact {UUID} out/ä?.json")).done(), CONTENT);
    assert_eq!(server.asked(), [format!("GET /api/0/relocations/{UUID}/artifacts/out/%C3%A4%3F.json")]);
    assert_eq!(folder.call(&server, &read("--out here.json")).done(), "Wrote 7 bytes to here.json.\n");
    assert_eq!(folder.read("here.json"), CONTENT.as_bytes());
}

#[rstest]
#[case::to_a_file("--out here.json")]
#[case::to_the_terminal("")]
fn a_large_sealed_file_is_opened(#[case] line: &str) {
    let folder = Folder::new().with_keys();
    let server = handing_out(sealed(&folder), true, json!(URL_SAFE.encode(KEY)));
    let said = folder.call(&server, &read(line)).done();
    let content = if line.is_empty() { said } else { String::from_utf8(folder.read("here.json")).unwrap() };
    assert_eq!(content, CONTENT);
}

#[test]
fn what_cannot_be_opened_is_written_as_it_is() {
    let folder = Folder::new().with_keys();
    let sealed = sealed(&folder);
    let said = folder.call(&handing_out(sealed.clone(), true, Value::Null), &read("--out here.tar")).done();
    assert!(said.ends_with("sealed as it is: this cell cannot open it.\n"), "{said}");
    assert_eq!(folder.read("here.tar"), sealed);
    let said = folder.call(&handing_out(b"plain".to_vec(), false, Value::Null), &read("--out here")).done();
    assert_eq!((said.as_str(), folder.read("here").as_slice()), ("Wrote 5 bytes to here.\n", &b"plain"[..]));
}

#[test]
fn a_file_that_was_altered_is_not_written() {
    let folder = Folder::new().with_keys();
    let mut sealed = sealed(&folder);
    let token = sealed.windows(6).position(|bytes| bytes == b"gAAAAA").unwrap();
    let altered = &mut sealed[token + 60];
    *altered = if *altered == b'A' { b'B' } else { b'A' };
    let run = folder.call(&handing_out(sealed, true, json!(URL_SAFE.encode(KEY))), &read("--out here.json"));
    assert_eq!(run.code, 2);
    insta::assert_snapshot!(run.err);
    assert_eq!(folder.files(), ["private.pem", "public.pem"]);
}
