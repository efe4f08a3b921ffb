//! Removing from S3, for good: versions, and the markers that stand for objects removed before.

use aws_sdk_s3::Client;
use aws_sdk_s3::operation::list_object_versions::ListObjectVersionsOutput;
use futures::{StreamExt, TryStreamExt, stream};
use pipeline::port::PortError;

use crate::failure::refused;

/// How many versions are removed at once.
const CONCURRENT: usize = 8;

/// Removes every version of every object under a prefix. What another call has removed meanwhile counts as removed.
pub(super) async fn remove(client: &Client, bucket: &str, prefix: &str) -> Result<(), PortError> {
    let (mut key, mut version) = (None, None);
    loop {
        let request = client.list_object_versions().bucket(bucket).prefix(prefix);
        let page = request.set_key_marker(key).set_version_id_marker(version).send().await;
        let page = page.map_err(refused("ListObjectVersions", || format!("list versions under {prefix}")))?;
        (key, version) = (page.next_key_marker.clone(), page.next_version_id_marker.clone());
        let is_last = page.is_truncated != Some(true);
        let removals = versions(page).map(|(key, version)| remove_version(client, bucket, key, version));
        stream::iter(removals).buffer_unordered(CONCURRENT).try_collect::<()>().await?;
        if is_last {
            return Ok(());
        }
    }
}

/// The key and the version of everything on a page.
fn versions(page: ListObjectVersionsOutput) -> impl Iterator<Item = (String, String)> {
    let contents = page.versions.into_iter().flatten().map(|version| (version.key, version.version_id));
    let markers = page.delete_markers.into_iter().flatten().map(|marker| (marker.key, marker.version_id));
    contents.chain(markers).filter_map(|(key, version)| Some((key?, version?)))
}

async fn remove_version(
    client: &Client,
    bucket: &str,
    key: String,
    version: String,
) -> Result<(), PortError> {
    let request = client.delete_object().bucket(bucket).key(&key).version_id(version);
    let removed = request.send().await;
    removed.map(drop).map_err(refused("DeleteObject", || format!("remove a version of object {key}")))
}
