//! Direct uploads: what customers send to S3 themselves.

use std::time::Duration;

use aws_sdk_s3::Client;
use pipeline::port::{ObjectInfo, PortError, Presigned, UploadedPart, Uploads};

use crate::failure::{refused, unreadable};
use crate::objects::{Multipart, Validity, completed, size};

/// Uploads in parts into the bucket that customers write to.
#[derive(Clone, Debug)]
pub struct DirectUploads {
    client: Client,
    bucket: String,
    kms_key: String,
}

impl DirectUploads {
    /// Uploads into this bucket, stored under this KMS key.
    pub fn new(client: Client, bucket: impl Into<String>, kms_key: impl Into<String>) -> Self {
        Self { client, bucket: bucket.into(), kms_key: kms_key.into() }
    }

    fn upload<'a>(&'a self, key: &'a str, id: &str) -> Multipart<'a> {
        Multipart { client: &self.client, bucket: &self.bucket, key, id: id.to_owned() }
    }
}

impl Uploads for DirectUploads {
    /// The KMS key is settled here for all parts; S3 does not take one with a part.
    async fn begin(&self, key: &str) -> Result<String, PortError> {
        Ok(Multipart::begin(&self.client, &self.bucket, key, Some(&self.kms_key)).await?.id)
    }

    async fn parts(&self, key: &str, upload: &str) -> Result<Option<Vec<UploadedPart>>, PortError> {
        let Some(parts) = self.upload(key, upload).parts().await? else { return Ok(None) };
        let parts = parts.into_iter().filter_map(|part| {
            let number = part.part_number?.try_into().ok()?;
            Some(UploadedPart { number, etag: part.e_tag?, bytes: size(part.size) })
        });
        Ok(Some(parts.collect()))
    }

    async fn presign(
        &self,
        key: &str,
        upload: &str,
        part: u32,
        valid_for: Duration,
    ) -> Result<Presigned, PortError> {
        let action = || format!("presign part {part} of object {key}");
        let validity = Validity::of(valid_for, action)?;
        let request = self.client.upload_part().bucket(&self.bucket).key(key).upload_id(upload);
        let request = request.part_number(part.try_into().map_err(unreadable(action))?);
        let request = request.presigned(validity.terms()).await.map_err(refused("UploadPart", action))?;
        Ok(validity.presigned(&request))
    }

    /// The sizes come from S3's own list of the parts, so that nobody has to be believed.
    async fn complete(
        &self,
        key: &str,
        upload: &str,
        parts: &[(u32, String)],
    ) -> Result<Option<ObjectInfo>, PortError> {
        let Some(arrived) = self.parts(key, upload).await? else { return Ok(None) };
        let mut bytes = 0;
        let mut wanted = Vec::with_capacity(parts.len());
        for (number, etag) in parts {
            let has_arrived = |part: &&UploadedPart| part.number == *number && is_same(&part.etag, etag);
            let Some(part) = arrived.iter().find(has_arrived) else { return Ok(None) };
            bytes += part.bytes;
            wanted.push(completed(i32::try_from(*number).unwrap_or(i32::MAX), Some(etag.clone())));
        }
        self.upload(key, upload).complete(wanted, bytes).await
    }

    async fn abort(&self, key: &str, upload: &str) -> Result<(), PortError> {
        self.upload(key, upload).abort().await
    }
}

/// Entity tags come with quotation marks in headers and without them from some clients.
fn is_same(left: &str, right: &str) -> bool {
    left.trim_matches('"') == right.trim_matches('"')
}
