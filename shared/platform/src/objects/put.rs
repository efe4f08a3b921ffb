//! Storing a stream whose length nobody knows.

use aws_sdk_s3::Client;
use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt, TryStreamExt, stream};
use pipeline::port::{ByteStream, ObjectInfo, PortError};

use super::info;
use super::multipart::Multipart;
use crate::failure::refused;

/// The size of every part but the last. S3 takes 10,000 parts, so 80 GiB go into one object.
const PART_BYTES: usize = 8 * 1024 * 1024;
/// How many parts of one object are in memory and on their way at once.
const CONCURRENT_PARTS: usize = 4;

/// Stores a stream: in one request when it fits into one part, else part by part. An object appears when it is
/// complete, and not at all when the stream breaks off.
pub(super) async fn put(
    client: &Client,
    bucket: &str,
    key: &str,
    content: ByteStream,
) -> Result<ObjectInfo, PortError> {
    let mut parts = Box::pin(cut(content));
    let first = parts.try_next().await?.unwrap_or_default();
    if first.len() < PART_BYTES {
        return put_whole(client, bucket, key, first).await;
    }
    let upload = Multipart::begin(client, bucket, key, None).await?;
    let mut bytes = 0;
    let parts = stream::once(async { Ok(first) }).chain(parts).inspect_ok(|part| bytes += part.len() as u64);
    let sent = parts.zip(stream::iter(1..)).map(async |(part, number)| upload.send(number, part?).await);
    let sent = sent.buffered(CONCURRENT_PARTS).try_collect().await;
    upload.settle(sent, bytes).await
}

async fn put_whole(
    client: &Client,
    bucket: &str,
    key: &str,
    content: Bytes,
) -> Result<ObjectInfo, PortError> {
    let bytes = content.len() as u64;
    let request = client.put_object().bucket(bucket).key(key).body(content.into());
    let stored = request.send().await.map_err(refused("PutObject", || format!("store object {key}")))?;
    Ok(info(key, bytes, stored.version_id, stored.e_tag))
}

/// Cuts a stream into parts, all of [`PART_BYTES`] but the last.
fn cut(content: ByteStream) -> impl Stream<Item = Result<Bytes, PortError>> {
    stream::try_unfold((content.fuse(), BytesMut::new()), |(mut content, mut part)| async move {
        while part.len() < PART_BYTES {
            let Some(chunk) = content.try_next().await? else { break };
            part.extend_from_slice(&chunk);
        }
        let rest = part.split_off(part.len().min(PART_BYTES));
        Ok((!part.is_empty()).then(|| (part.freeze(), (content, rest))))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lengths of the parts that chunks of these lengths are cut into.
    async fn lengths(chunks: &[usize]) -> Vec<usize> {
        let chunks: Vec<_> = chunks.iter().map(|length| Ok(Bytes::from(vec![7; *length]))).collect();
        let parts: Vec<Bytes> = cut(stream::iter(chunks).boxed()).try_collect().await.expect("parts");
        parts.iter().map(Bytes::len).collect()
    }

    #[tokio::test]
    async fn all_parts_but_the_last_are_full() {
        const P: usize = PART_BYTES;
        assert_eq!(lengths(&[]).await, [] as [usize; 0]);
        assert_eq!(lengths(&[0, 3, 0]).await, [3]);
        assert_eq!(lengths(&[P]).await, [P]);
        assert_eq!(lengths(&[P - 1, 2]).await, [P, 1]);
        assert_eq!(lengths(&[2 * P + 5]).await, [P, P, 5]);
        assert_eq!(lengths(&[5, 2 * P]).await, [P, P, 5]);
    }
}
