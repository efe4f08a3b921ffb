//! The cell's RSA key in KMS, which exports are sealed for (SPEC, "The sealed export").

use aws_sdk_kms::Client;
use aws_sdk_kms::error::ProvideErrorMetadata;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::EncryptionAlgorithmSpec;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pipeline::port::{PortError, PublicKey, UnwrapError, UnwrapKeys};
use tokio::sync::OnceCell;

use crate::failure::refused;

/// What KMS says of a ciphertext that this key did not make.
const WRONG_KEY: [&str; 2] = ["IncorrectKeyException", "InvalidCiphertextException"];
/// The longest ciphertext that KMS looks at.
const LONGEST_CIPHERTEXT: usize = 6144;

/// The key. Its private half never leaves KMS.
#[derive(Debug)]
pub struct SealKey {
    client: Client,
    id: String,
    /// The public half does not change, so it is asked for once.
    public: OnceCell<String>,
}

impl SealKey {
    /// The key of this id or ARN.
    pub fn new(client: Client, id: impl Into<String>) -> Self {
        Self { client, id: id.into(), public: OnceCell::new() }
    }

    async fn fetch_public_key(&self) -> Result<String, PortError> {
        let action = || "get the public key";
        let answer = self.client.get_public_key().key_id(&self.id).send().await;
        let answer = answer.map_err(refused("GetPublicKey", action))?;
        let der = answer.public_key.ok_or_else(|| PortError::transient(action(), "KMS gave none"))?;
        Ok(pem(der.as_ref()))
    }
}

impl PublicKey for SealKey {
    async fn public_key(&self) -> Result<String, PortError> {
        self.public.get_or_try_init(|| self.fetch_public_key()).await.cloned()
    }
}

impl UnwrapKeys for SealKey {
    async fn unwrap_key(&self, wrapped: &[u8]) -> Result<Vec<u8>, UnwrapError> {
        if wrapped.is_empty() || wrapped.len() > LONGEST_CIPHERTEXT {
            return Err(UnwrapError::WrongKey);
        }
        let request = self.client.decrypt().key_id(&self.id).ciphertext_blob(Blob::new(wrapped));
        let request = request.encryption_algorithm(EncryptionAlgorithmSpec::RsaesOaepSha256);
        let action = || "unwrap a data key";
        match request.send().await {
            Ok(answer) => match answer.plaintext {
                Some(key) => Ok(key.into_inner()),
                None => Err(PortError::transient(action(), "KMS gave none").into()),
            },
            Err(error) if error.code().is_some_and(|code| WRONG_KEY.contains(&code)) => {
                Err(UnwrapError::WrongKey)
            }
            Err(error) => Err(refused("Decrypt", action)(error).into()),
        }
    }
}

/// A public key (SubjectPublicKeyInfo in DER) as PEM: Base64 in lines of 64 characters.
fn pem(der: &[u8]) -> String {
    let mut pem = "-----BEGIN PUBLIC KEY-----\n".to_owned();
    for line in der.chunks(48) {
        pem.push_str(&STANDARD.encode(line));
        pem.push('\n');
    }
    pem.push_str("-----END PUBLIC KEY-----\n");
    pem
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pem_has_lines_of_64_characters() {
        let pem = pem(&[0; 50]);
        let lines: Vec<_> = pem.lines().collect();
        assert_eq!(
            lines,
            ["-----BEGIN PUBLIC KEY-----", &"A".repeat(64), "AAA=", "-----END PUBLIC KEY-----"]
        );
        assert!(pem.ends_with('\n'));
    }
}
