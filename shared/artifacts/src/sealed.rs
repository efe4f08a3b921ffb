use std::io;
use std::sync::Arc;

use pipeline::code::ErrorCode;
use pipeline::port::{PublicKey, ReadObjects, UnwrapError, UnwrapKeys};
use pipeline::upload::MAX_UPLOAD_BYTES;
use runtime::TaskError;
use seal::{DataKey, Envelope, Layout, Plaintext, Verified};
use transfer::import::ExportSource;
use zeroize::Zeroizing;

use crate::{Located, ObjectReader, blocking, refused_file};

/// A sealed export whose token was verified. Each reading streams it from the store and decrypts it on the way;
/// the data key is in memory as long as this is.
pub struct SealedFile<O> {
    objects: Arc<O>,
    at: Located,
    key: DataKey,
    verified: Verified,
}

impl<O> SealedFile<O> {
    /// The proof that the token was verified, for the record to keep: whoever opens the same bytes with it need
    /// not verify them again.
    ///
    /// # Errors
    /// It cannot be written as JSON.
    pub fn proof(&self) -> Result<String, TaskError> {
        serde_json::to_string(&self.verified).map_err(TaskError::permanent)
    }
}

impl<O: ReadObjects + 'static> ExportSource for SealedFile<O> {
    type Reader = Plaintext<ObjectReader<O>>;

    fn open(&self) -> io::Result<Self::Reader> {
        let object = ObjectReader::new(Arc::clone(&self.objects), self.at.clone());
        Ok(self.verified.open(object, &self.key, 0)?)
    }
}

/// Checks that an object is a tarball of exactly the three members. Reads the headers alone.
///
/// # Errors
/// A verdict with the code of what is wrong; or the store failed.
pub async fn index<O: ReadObjects + 'static>(objects: &Arc<O>, at: &Located) -> Result<Layout, TaskError> {
    let mut object = ObjectReader::new(Arc::clone(objects), at.clone());
    blocking(move || Layout::read(&mut object, MAX_UPLOAD_BYTES).map_err(refused_file)).await
}

/// Opens a sealed export: reads the tarball's headers and key files, lets the key service unwrap the data key,
/// and verifies the whole token, which is a pass over the file. With a proof that this was done before, it is not
/// done again; a proof of other bytes or another key is refused when the export is read.
///
/// # Errors
/// A verdict with the code of what is wrong with the file; or the store or the key service failed.
pub async fn open<O, K>(objects: &Arc<O>, keys: &K, at: Located) -> Result<SealedFile<O>, TaskError>
where
    O: ReadObjects + 'static,
    K: PublicKey + UnwrapKeys,
{
    let layout = index(objects, &at).await?;
    let mut object = ObjectReader::new(Arc::clone(objects), at.clone());
    let (object, envelope) = blocking(move || {
        let envelope = Envelope::read(&mut object, &layout).map_err(refused_file)?;
        Ok((object, envelope))
    })
    .await?;
    envelope.require_key(&public_key(keys).await?).map_err(refused_file)?;
    let key = data_key(keys, &envelope.wrapped_key).await?;
    let proven = at.proof.as_deref().map(serde_json::from_str).transpose().map_err(TaskError::permanent)?;
    let (key, verified) = match proven {
        Some(verified) => (key, verified),
        None => {
            blocking(move || {
                let mut object = object;
                let verified = Verified::check(&mut object, &layout, &key).map_err(refused_file)?;
                Ok((key, verified))
            })
            .await?
        }
    };
    Ok(SealedFile { objects: Arc::clone(objects), at, key, verified })
}

/// The cell's public key.
///
/// # Errors
/// The key service failed, or gave something that is no RSA key.
pub async fn public_key(keys: &impl PublicKey) -> Result<seal::PublicKey, TaskError> {
    let pem = keys.public_key().await?;
    seal::PublicKey::from_pem(pem.as_bytes()).map_err(TaskError::permanent)
}

async fn data_key(keys: &impl UnwrapKeys, wrapped: &[u8]) -> Result<DataKey, TaskError> {
    let text = keys.unwrap_key(wrapped).await.map_err(|error| match error {
        UnwrapError::WrongKey => TaskError::verdict(ErrorCode::WrongKey),
        UnwrapError::Port(error) => error.into(),
    })?;
    DataKey::from_text(&Zeroizing::new(text)).map_err(refused_file)
}
