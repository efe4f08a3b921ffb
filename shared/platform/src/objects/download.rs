//! Requests that let others read an object for a while.

use std::time::Duration;

use pipeline::port::{PortError, PresignDownloads, Presigned};
use pipeline::relocation::Place;

use super::Objects;
use super::presign::Validity;
use crate::failure::refused;

impl PresignDownloads for Objects {
    async fn presign_download(
        &self,
        place: Place,
        key: &str,
        valid_for: Duration,
    ) -> Result<Presigned, PortError> {
        let action = || format!("presign object {key}");
        let validity = Validity::of(valid_for, action)?;
        let request = self.client.get_object().bucket(self.bucket(place)).key(key);
        let request = request.presigned(validity.terms()).await.map_err(refused("GetObject", action))?;
        Ok(validity.presigned(&request))
    }
}
