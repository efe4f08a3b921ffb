//! Copying within S3.

use std::fmt;

use aws_sdk_s3::Client;
use futures::{StreamExt, TryStreamExt, stream};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use pipeline::port::{ObjectInfo, PortError};

use super::multipart::Multipart;
use super::{info, size};
use crate::failure::refused;

/// Objects up to this size are copied in one request, larger ones in parts of it. One request takes 5 GB at most,
/// and its time grows with the size; parts are copied side by side.
const PART_BYTES: u64 = 64 * 1024 * 1024;
/// How many parts of one object are copied at once.
const CONCURRENT_PARTS: usize = 8;

/// What has no meaning of its own in the header that names the source.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'/').remove(b'_').remove(b'~');

/// A version of an object.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a> {
    pub(super) bucket: &'a str,
    pub(super) key: &'a str,
    pub(super) version: &'a str,
}

/// As S3 wants a source named.
impl fmt::Display for Source<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encoded = |text| utf8_percent_encode(text, PLAIN);
        write!(f, "{}/{}?versionId={}", self.bucket, encoded(self.key), encoded(self.version))
    }
}

/// Copies a version of any size; its bytes do not pass through here.
pub(super) async fn copy(
    client: &Client,
    source: Source<'_>,
    bucket: &str,
    key: &str,
) -> Result<ObjectInfo, PortError> {
    let head = client.head_object().bucket(source.bucket).key(source.key).version_id(source.version);
    let head = head.send().await;
    let head = head.map_err(refused("HeadObject", || format!("look at object {} to copy it", source.key)))?;
    match size(head.content_length) {
        bytes @ ..=PART_BYTES => copy_whole(client, source, bucket, key, bytes).await,
        bytes => copy_parts(client, source, bucket, key, bytes).await,
    }
}

async fn copy_whole(
    client: &Client,
    source: Source<'_>,
    bucket: &str,
    key: &str,
    bytes: u64,
) -> Result<ObjectInfo, PortError> {
    let action = || format!("copy object {} to {key}", source.key);
    let request = client.copy_object().bucket(bucket).key(key).copy_source(source.to_string());
    let copied = request.send().await.map_err(refused("CopyObject", action))?;
    Ok(info(key, bytes, copied.version_id, copied.copy_object_result.and_then(|result| result.e_tag)))
}

async fn copy_parts(
    client: &Client,
    source: Source<'_>,
    bucket: &str,
    key: &str,
    bytes: u64,
) -> Result<ObjectInfo, PortError> {
    let upload = Multipart::begin(client, bucket, key, None).await?;
    let parts = stream::iter((1..).zip(ranges(bytes)));
    let parts = parts.map(|(number, range)| upload.copy(number, source, range));
    let parts = parts.buffered(CONCURRENT_PARTS).try_collect().await;
    upload.settle(parts, bytes).await
}

/// The parts of an object of this size, as ranges of HTTP: both ends count.
fn ranges(bytes: u64) -> impl Iterator<Item = String> {
    let starts = (0..bytes.div_ceil(PART_BYTES)).map(|part| part * PART_BYTES);
    starts.map(move |start| format!("bytes={start}-{}", (start + PART_BYTES).min(bytes) - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_cover_an_object_once() {
        let mib = 1024 * 1024;
        assert_eq!(ranges(64 * mib).collect::<Vec<_>>(), ["bytes=0-67108863"]);
        assert_eq!(ranges(64 * mib + 1).collect::<Vec<_>>(), ["bytes=0-67108863", "bytes=67108864-67108864"]);
        let largest: Vec<_> = ranges(5 * 1024 * mib).collect();
        assert_eq!((largest.len(), largest[79].as_str()), (80, "bytes=5301600256-5368709119"));
    }

    #[test]
    fn a_source_is_named_as_s3_wants_it() {
        let source = Source { bucket: "b", key: "runs/7/in/a b+ü.tar", version: "v=1" };
        assert_eq!(source.to_string(), "b/runs/7/in/a%20b%2B%C3%BC.tar?versionId=v%3D1");
    }
}
