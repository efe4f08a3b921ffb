//! Objects that are small by their nature: plans, lists, findings.

use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt, stream};
use pipeline::artifact;
use pipeline::ids::RelocationId;
use pipeline::port::{ObjectInfo, PortError, ReadObjects, WriteObjects};
use pipeline::relocation::Place;
use serde::de::DeserializeOwned;

/// The most that is read of an object that ought to be small.
const BYTES_MAX: usize = 16 * 1024 * 1024;

/// Stores an artifact that is in memory.
///
/// # Errors
/// The store's.
pub async fn put_small(
    objects: &impl WriteObjects,
    key: &str,
    content: impl Into<Bytes>,
) -> Result<ObjectInfo, PortError> {
    let content = content.into();
    objects.put(Place::Artifacts, key, stream::once(async { Ok(content) }).boxed()).await
}

/// Reads the latest version of an artifact into memory.
///
/// # Errors
/// The store's. One that is not there is transient, as it may not be visible yet; one of more than 16 MiB is
/// refused.
pub async fn read_small(objects: &impl ReadObjects, key: &str) -> Result<Bytes, PortError> {
    let operation = || format!("get object {key}");
    let stream = objects.get(Place::Artifacts, key, None, 0).await?;
    let mut stream = stream.ok_or_else(|| PortError::transient(operation(), "there is no such object"))?;
    let mut content = BytesMut::new();
    while let Some(chunk) = stream.try_next().await? {
        if content.len() + chunk.len() > BYTES_MAX {
            return Err(PortError::permanent(operation(), "it is larger than any of its kind"));
        }
        content.extend_from_slice(&chunk);
    }
    Ok(content.freeze())
}

/// Reads an artifact of JSON, if it is there.
///
/// # Errors
/// The store's; one that does not read as what is wanted is permanent.
pub async fn find_json<T: DeserializeOwned>(
    objects: &impl ReadObjects,
    key: &str,
) -> Result<Option<T>, PortError> {
    if objects.head(Place::Artifacts, key).await?.is_none() {
        return Ok(None);
    }
    let content = read_small(objects, key).await?;
    let value = serde_json::from_slice(&content);
    value.map(Some).map_err(|error| PortError::permanent(format!("read {key}"), error))
}

/// The usernames that are wanted and exist already: the list that `preprocessing_transfer` left, one in each line.
///
/// # Errors
/// As [`read_small`].
pub async fn existing_usernames(
    objects: &impl ReadObjects,
    id: RelocationId,
) -> Result<Vec<String>, PortError> {
    let key = artifact::filter_usernames(id);
    let list = read_small(objects, &key).await?;
    let list = str::from_utf8(&list).map_err(|error| PortError::permanent(format!("read {key}"), error))?;
    Ok(list.split_terminator('\n').map(str::to_owned).collect())
}
