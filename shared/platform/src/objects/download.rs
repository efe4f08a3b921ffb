//! Requests that let others read an object for a while.

use std::time::Duration;

use aws_sdk_s3::presigning::PresigningConfig;
use jiff::Timestamp;
use pipeline::port::{PortError, PresignDownloads, Presigned};
use pipeline::relocation::Place;

use super::Objects;
use crate::failure::{refused, unreadable};

impl PresignDownloads for Objects {
    async fn presign_download(
        &self,
        place: Place,
        key: &str,
        valid_for: Duration,
    ) -> Result<Presigned, PortError> {
        let action = || format!("presign object {key}");
        let now = Timestamp::now();
        let expires_at = now.checked_add(valid_for).map_err(unreadable(action))?;
        let terms = PresigningConfig::builder().start_time(now.into()).expires_in(valid_for).build();
        let request = self.client.get_object().bucket(self.bucket(place)).key(key);
        let request = request.presigned(terms.map_err(unreadable(action))?).await;
        let request = request.map_err(refused("GetObject", action))?;
        let headers = request.headers().map(|(name, value)| (name.to_owned(), value.to_owned()));
        Ok(Presigned { url: request.uri().to_owned(), headers: headers.collect(), expires_at })
    }
}
