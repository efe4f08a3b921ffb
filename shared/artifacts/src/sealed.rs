use std::io::{self, Read};
use std::sync::Arc;

use bytes::Bytes;
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

/// What is in a small sealed export, opened and verified.
///
/// # Errors
/// As [`open`].
pub async fn read_sealed<O, K>(objects: &Arc<O>, keys: &K, at: Located) -> Result<Bytes, TaskError>
where
    O: ReadObjects + 'static,
    K: PublicKey + UnwrapKeys,
{
    let file = open(objects, keys, at).await?;
    blocking(move || {
        let mut contents = Vec::new();
        file.open()
            .and_then(|mut plaintext| plaintext.read_to_end(&mut contents))
            .map_err(TaskError::transient)?;
        Ok(contents.into())
    })
    .await
}

/// The key that opens a sealed export, as text. A secret: whoever asks for it hands it to somebody who may read the
/// export.
///
/// # Errors
/// A verdict if the file is no sealed export or not for this cell; or the store or the key service failed.
pub async fn data_key_text<O, K>(objects: &Arc<O>, keys: &K, at: &Located) -> Result<String, TaskError>
where
    O: ReadObjects + 'static,
    K: UnwrapKeys,
{
    let layout = index(objects, at).await?;
    let mut object = ObjectReader::new(Arc::clone(objects), at.clone());
    let envelope = blocking(move || Envelope::read(&mut object, &layout).map_err(refused_file)).await?;
    let text = unwrapped(keys, &envelope.wrapped_key).await?;
    DataKey::from_text(&text).map_err(refused_file)?;
    String::from_utf8(text.to_vec()).map_err(TaskError::permanent)
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
    DataKey::from_text(&unwrapped(keys, wrapped).await?).map_err(refused_file)
}

async fn unwrapped(keys: &impl UnwrapKeys, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, TaskError> {
    keys.unwrap_key(wrapped).await.map(Zeroizing::new).map_err(|error| match error {
        UnwrapError::WrongKey => TaskError::verdict(ErrorCode::WrongKey),
        UnwrapError::Port(error) => error.into(),
    })
}
