//! An object that is stored in parts.

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart, Part, ServerSideEncryption};
use bytes::Bytes;
use pipeline::port::{ObjectInfo, PortError};
use tracing::warn;

use super::copy::Source;
use super::{info, is_missing};
use crate::ServiceError;
use crate::failure::{failed, refused};

/// What S3 says of an upload that lacks a part, has it otherwise, or is over.
const INCOMPLETE: [&str; 4] = ["EntityTooSmall", "InvalidPart", "InvalidPartOrder", "NoSuchUpload"];

/// An upload in parts that has begun.
#[derive(Debug)]
pub(crate) struct Multipart<'a> {
    pub(crate) client: &'a Client,
    pub(crate) bucket: &'a str,
    pub(crate) key: &'a str,
    pub(crate) id: String,
}

impl<'a> Multipart<'a> {
    /// Begins an upload whose object is stored under a KMS key: the given one, else the bucket's.
    pub(crate) async fn begin(
        client: &'a Client,
        bucket: &'a str,
        key: &'a str,
        encrypted_for: Option<&str>,
    ) -> Result<Self, PortError> {
        let action = || format!("begin an upload of object {key}");
        let mut request = client.create_multipart_upload().bucket(bucket).key(key);
        if let Some(kms_key) = encrypted_for {
            request = request.server_side_encryption(ServerSideEncryption::AwsKms).ssekms_key_id(kms_key);
        }
        let begun = request.send().await.map_err(refused("CreateMultipartUpload", action))?;
        let id = begun.upload_id.ok_or_else(|| PortError::transient(action(), "S3 gave it no id"))?;
        Ok(Self { client, bucket, key, id })
    }

    /// Sends a part; parts count from 1.
    pub(crate) async fn send(&self, number: i32, content: Bytes) -> Result<CompletedPart, PortError> {
        let action = || format!("send part {number} of object {}", self.key);
        let request = self.client.upload_part().bucket(self.bucket).key(self.key).upload_id(&self.id);
        let request = request.part_number(number).body(content.into());
        let part = request.send().await.map_err(refused("UploadPart", action))?;
        Ok(completed(number, part.e_tag))
    }

    /// Takes a part from a range of another object; the range is as in HTTP.
    pub(crate) async fn copy(
        &self,
        number: i32,
        source: Source<'_>,
        range: String,
    ) -> Result<CompletedPart, PortError> {
        let action = || format!("copy part {number} of object {}", self.key);
        let request = self.client.upload_part_copy().bucket(self.bucket).key(self.key).upload_id(&self.id);
        let request = request.part_number(number).copy_source(source.to_string()).copy_source_range(range);
        let part = request.send().await.map_err(refused("UploadPartCopy", action))?;
        Ok(completed(number, part.copy_part_result.and_then(|part| part.e_tag)))
    }

    /// The parts that have arrived, by number; `None` when there is no such upload.
    pub(crate) async fn parts(&self) -> Result<Option<Vec<Part>>, PortError> {
        let request = self.client.list_parts().bucket(self.bucket).key(self.key).upload_id(&self.id);
        let mut pages = request.into_paginator().send();
        let mut parts = Vec::new();
        while let Some(page) = pages.next().await {
            match page {
                Ok(page) => parts.extend(page.parts.into_iter().flatten()),
                Err(error) if is_missing(&error) => return Ok(None),
                Err(error) => {
                    return Err(refused("ListParts", || format!("list the parts of object {}", self.key))(
                        error,
                    ));
                }
            }
        }
        Ok(Some(parts))
    }

    /// Makes the object of these parts, `bytes` long in all. `None` when S3 does not have them so.
    pub(crate) async fn complete(
        &self,
        parts: Vec<CompletedPart>,
        bytes: u64,
    ) -> Result<Option<ObjectInfo>, PortError> {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let request = self.client.complete_multipart_upload().bucket(self.bucket).key(self.key);
        match request.upload_id(&self.id).multipart_upload(parts).send().await {
            Ok(stored) => Ok(Some(info(self.key, bytes, stored.version_id, stored.e_tag))),
            Err(error) if error.code().is_some_and(|code| INCOMPLETE.contains(&code)) => Ok(None),
            Err(error) => {
                Err(refused("CompleteMultipartUpload", || format!("complete object {}", self.key))(error))
            }
        }
    }

    /// Gives the upload up. That it is gone is success.
    pub(crate) async fn abort(&self) -> Result<(), PortError> {
        let request = self.client.abort_multipart_upload().bucket(self.bucket).key(self.key);
        match request.upload_id(&self.id).send().await {
            Ok(_) => Ok(()),
            Err(error) if is_missing(&error) => Ok(()),
            Err(error) => {
                Err(refused("AbortMultipartUpload", || format!("give up object {}", self.key))(error))
            }
        }
    }

    /// What came of an upload of our own: when it failed, it is given up, so that its parts cost nothing. If that
    /// fails too, the bucket drops them after some days.
    pub(crate) async fn settle(
        &self,
        parts: Result<Vec<CompletedPart>, PortError>,
        bytes: u64,
    ) -> Result<ObjectInfo, PortError> {
        let stored = match parts {
            Ok(parts) => self.complete(parts, bytes).await,
            Err(error) => Err(error),
        };
        let gone = || {
            failed(|| format!("complete object {}", self.key))(ServiceError::answered(
                "CompleteMultipartUpload",
                "NoSuchUpload",
            ))
        };
        let stored = stored.and_then(|stored| stored.ok_or_else(gone));
        if stored.is_err()
            && let Err(error) = self.abort().await
        {
            warn!(key = self.key, %error, "an upload that failed could not be given up");
        }
        stored
    }
}

/// A part that has arrived, as completing the upload names it.
pub(crate) fn completed(number: i32, etag: Option<String>) -> CompletedPart {
    CompletedPart::builder().part_number(number).set_e_tag(etag).build()
}
