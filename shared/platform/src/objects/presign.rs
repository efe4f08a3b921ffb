//! Requests to S3 that others may send for a while.

use std::time::Duration;

use aws_sdk_s3::presigning::{PresignedRequest, PresigningConfig};
use jiff::Timestamp;
use pipeline::port::{PortError, Presigned};

use crate::failure::unreadable;

/// From when until when a request may be sent.
pub(crate) struct Validity {
    expires_at: Timestamp,
    terms: PresigningConfig,
}

impl Validity {
    /// From now on for so long; `action` says what cannot be done if that is longer than S3 allows.
    pub(crate) fn of(valid_for: Duration, action: impl Fn() -> String + Copy) -> Result<Self, PortError> {
        let now = Timestamp::now();
        let expires_at = now.checked_add(valid_for).map_err(unreadable(action))?;
        let terms = PresigningConfig::builder().start_time(now.into()).expires_in(valid_for).build();
        Ok(Self { expires_at, terms: terms.map_err(unreadable(action))? })
    }

    /// What to sign a request with.
    pub(crate) fn terms(&self) -> PresigningConfig {
        self.terms.clone()
    }

    /// A request that was signed with it.
    pub(crate) fn presigned(&self, request: &PresignedRequest) -> Presigned {
        let headers = request.headers().map(|(name, value)| (name.to_owned(), value.to_owned()));
        Presigned { url: request.uri().to_owned(), headers: headers.collect(), expires_at: self.expires_at }
    }
}
