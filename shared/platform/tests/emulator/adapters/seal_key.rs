use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{EncryptionAlgorithmSpec, KeySpec, KeyUsageType};
use pipeline::port::{PublicKey, UnwrapError, UnwrapKeys};

use super::Cell;
use crate::support;

async fn key() -> Option<(Cell, aws_sdk_kms::Client)> {
    let aws = support::account()?;
    let client = aws_sdk_kms::Client::new(&aws);
    let id = make_key(&client).await;
    Some((Cell::new(aws, &[("SEAL_KEY_ID", &id)]), client))
}

/// Smaller than the product's, which takes a second to make; what is tested here does not depend on it.
async fn make_key(client: &aws_sdk_kms::Client) -> String {
    let key = client.create_key().key_spec(KeySpec::Rsa2048).key_usage(KeyUsageType::EncryptDecrypt);
    key.send().await.expect("a key").key_metadata.expect("its description").key_id
}

async fn wrap(client: &aws_sdk_kms::Client, key: &str) -> Vec<u8> {
    let wrapped = client.encrypt().key_id(key).plaintext(Blob::new("a data key"));
    let wrapped = wrapped.encryption_algorithm(EncryptionAlgorithmSpec::RsaesOaepSha256).send().await;
    wrapped.expect("a wrapped key").ciphertext_blob.expect("its bytes").into_inner()
}

#[tokio::test]
async fn the_public_key_is_pem() {
    let Some((cell, _)) = key().await else { return };
    let key = cell.platform.seal_key();
    let pem = key.public_key().await.expect("a key");
    assert!(pem.starts_with("-----BEGIN PUBLIC KEY-----\nMIIB"), "{pem}");
    assert_eq!(key.public_key().await.expect("a key"), pem);
}

#[tokio::test]
async fn what_was_wrapped_for_the_key_is_unwrapped() {
    let Some((cell, client)) = key().await else { return };
    let wrapped = wrap(&client, &cell.platform.config().seal_key_id).await;
    assert_eq!(cell.platform.seal_key().unwrap_key(&wrapped).await.expect("a data key"), b"a data key");
}

#[tokio::test]
async fn what_was_wrapped_for_another_key_is_not() {
    let Some((cell, client)) = key().await else { return };
    let foreign = wrap(&client, &make_key(&client).await).await;
    let too_long = [foreign.as_slice(), &[0; 7000]].concat();
    for wrapped in [&foreign[..], &[7; 256], &[7; 3], &[], &too_long] {
        let refused = cell.platform.seal_key().unwrap_key(wrapped).await;
        assert!(matches!(refused, Err(UnwrapError::WrongKey)), "{refused:?}");
    }
}

#[tokio::test]
async fn a_key_that_is_not_there_is_no_wrong_key() {
    let Some((cell, client)) = key().await else { return };
    let wrapped = wrap(&client, &cell.platform.config().seal_key_id).await;
    let nowhere = Cell::new(cell.aws.clone(), &[("SEAL_KEY_ID", "00000000-0000-0000-0000-000000000000")]);
    let refused = nowhere.platform.seal_key().unwrap_key(&wrapped).await;
    assert!(matches!(&refused, Err(UnwrapError::Port(error)) if !error.retryable()), "{refused:?}");
}

#[tokio::test]
async fn a_key_service_that_is_down_is_no_wrong_key() {
    let Some(aws) = support::account() else { return };
    let cell = Cell::new(aws.into_builder().endpoint_url("http://127.0.0.1:1").build(), &[]);
    let refused = cell.platform.seal_key().unwrap_key(&[7; 256]).await;
    assert!(matches!(&refused, Err(UnwrapError::Port(error)) if error.retryable()), "{refused:?}");
}
