//! Objects in S3: read, stored and copied as streams, and removed.

mod copy;
mod download;
mod multipart;
mod presign;
mod put;
mod remove;

use std::error::Error;
use std::pin::Pin;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream as Body;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use futures::future::ready;
use futures::{StreamExt, stream};
use pipeline::port::{ByteStream, ObjectInfo, PortError, ReadObjects, RemoveObjects, WriteObjects};
use pipeline::relocation::{Pinned, Place};

pub(crate) use self::multipart::{Multipart, completed};
pub(crate) use self::presign::Validity;
use crate::failure::refused;

/// The buckets of a cell. Their default encryption is our key, so that writes need not name it.
#[derive(Clone, Debug)]
pub struct Objects {
    client: Client,
    artifacts: String,
    uploads: String,
}

impl Objects {
    /// The objects in these buckets.
    pub fn new(client: Client, artifacts: impl Into<String>, uploads: impl Into<String>) -> Self {
        Self { client, artifacts: artifacts.into(), uploads: uploads.into() }
    }

    fn bucket(&self, place: Place) -> &str {
        match place {
            Place::Artifacts => &self.artifacts,
            Place::Uploads => &self.uploads,
        }
    }
}

impl ReadObjects for Objects {
    async fn head(&self, place: Place, key: &str) -> Result<Option<ObjectInfo>, PortError> {
        let request = self.client.head_object().bucket(self.bucket(place)).key(key);
        match request.send().await {
            Ok(head) => Ok(Some(info(key, size(head.content_length), head.version_id, head.e_tag))),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(refused("HeadObject", || format!("look at object {key}"))(error)),
        }
    }

    async fn get(
        &self,
        place: Place,
        key: &str,
        version: Option<&str>,
        offset: u64,
    ) -> Result<Option<ByteStream>, PortError> {
        let request = self.client.get_object().bucket(self.bucket(place)).key(key);
        let request = request.set_version_id(version.map(str::to_owned));
        let request = request.set_range((offset > 0).then(|| format!("bytes={offset}-")));
        match request.send().await {
            Ok(object) => {
                // HTTP lets a server answer a request for a range with everything.
                let surplus = if object.content_range.is_some() { 0 } else { offset };
                Ok(Some(chunks(object.body, key, surplus)))
            }
            Err(error) if is_missing(&error) => Ok(None),
            // The end of the object is a place to begin at, too.
            Err(error) if error.code() == Some("InvalidRange") => Ok(Some(stream::empty().boxed())),
            Err(error) => Err(refused("GetObject", || format!("get object {key}"))(error)),
        }
    }

    async fn list(&self, place: Place, prefix: &str) -> Result<Vec<(String, u64)>, PortError> {
        let request = self.client.list_objects_v2().bucket(self.bucket(place)).prefix(prefix);
        let mut pages = request.into_paginator().send();
        let mut objects = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(refused("ListObjectsV2", || format!("list objects under {prefix}")))?;
            let found = page.contents.into_iter().flatten();
            objects.extend(found.filter_map(|object| Some((object.key?, size(object.size)))));
        }
        Ok(objects)
    }
}

impl WriteObjects for Objects {
    async fn put(&self, place: Place, key: &str, content: ByteStream) -> Result<ObjectInfo, PortError> {
        put::put(&self.client, self.bucket(place), key, content).await
    }

    async fn copy(
        &self,
        (from, from_key, version): (Place, &str, &str),
        (to, to_key): (Place, &str),
    ) -> Result<ObjectInfo, PortError> {
        let source = copy::Source { bucket: self.bucket(from), key: from_key, version };
        copy::copy(&self.client, source, self.bucket(to), to_key).await
    }
}

impl RemoveObjects for Objects {
    async fn remove(&self, place: Place, prefix: &str) -> Result<(), PortError> {
        remove::remove(&self.client, self.bucket(place), prefix).await
    }
}

/// A body as it comes in, without the first `surplus` bytes. That it broke off says nothing of the next try.
fn chunks(mut body: Body, key: &str, mut surplus: u64) -> ByteStream {
    let action = format!("read on in object {key}");
    let chunks = stream::poll_fn(move |context| Pin::new(&mut body).poll_next(context));
    chunks
        .map(move |chunk| {
            let mut chunk = chunk.map_err(|error| PortError::transient(&*action, error))?;
            let skipped = chunk.len().min(usize::try_from(surplus).unwrap_or(usize::MAX));
            surplus -= skipped as u64;
            Ok(chunk.split_off(skipped))
        })
        // A chunk of nothing would look like the end to whoever wants one more byte.
        .filter(|chunk| ready(!matches!(chunk, Ok(bytes) if bytes.is_empty())))
        .boxed()
}

/// What S3 says of an object it has stored. A bucket without versions calls the only one `null`.
fn info(key: &str, bytes: u64, version: Option<String>, etag: Option<String>) -> ObjectInfo {
    let version = version.unwrap_or_else(|| "null".to_owned());
    ObjectInfo { key: key.to_owned(), bytes, pinned: Pinned { version, etag: etag.unwrap_or_default() } }
}

/// A size; S3 leaves it out when it is 0.
pub(crate) fn size(bytes: Option<i64>) -> u64 {
    bytes.and_then(|bytes| bytes.try_into().ok()).unwrap_or(0)
}

/// The object, the version or the upload is not there; a bucket that is not is another matter.
pub(crate) fn is_missing<E: Error + ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    let is_not_found = error.raw_response().is_some_and(|response| response.status().as_u16() == 404);
    is_not_found && error.code() != Some("NoSuchBucket")
}
