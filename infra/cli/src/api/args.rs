//! Where the API is, and who calls.

use std::time::Duration;

use clap::Args;

use super::{ApiClient, Patience};

/// The API to call, and the caller's token.
#[derive(Clone, Args)]
#[command(next_help_heading = "API")]
pub(crate) struct ApiArgs {
    /// Where the API of the cell is, such as https://relocation.example.com; `relocate up` says where that of the
    /// local stack is
    #[arg(long, value_name = "URL", env = "RELOCATE_ENDPOINT", hide_env_values = true, value_parser = endpoint)]
    pub(crate) endpoint: String,
    /// The token that says who calls; `relocate token` makes one for the local stack
    #[arg(long, value_name = "TOKEN", env = "RELOCATE_TOKEN", hide_env_values = true, value_parser = token)]
    token: String,
    /// How long to wait at first, in seconds, before the record is looked at again or a call is made again
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds, hide = true)]
    wait: Duration,
}

// The token is a secret.
impl std::fmt::Debug for ApiArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ApiArgs({})", self.endpoint)
    }
}

impl ApiArgs {
    /// The client that calls there.
    pub(crate) fn client(&self) -> ApiClient {
        ApiClient::new(&self.endpoint, &self.token)
    }

    /// How long to wait between calls.
    pub(crate) fn patience(&self) -> Patience {
        Patience::new(self.wait)
    }
}

fn endpoint(text: &str) -> Result<String, String> {
    let is_http =
        ["http://", "https://"].iter().any(|scheme| text.len() > scheme.len() && text.starts_with(scheme));
    if is_http { Ok(text.to_owned()) } else { Err("it begins with https:// or http://".to_owned()) }
}

fn token(text: &str) -> Result<String, String> {
    let token = text.trim();
    let is_header = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    if is_header { Ok(token.to_owned()) } else { Err("a token is one word of ASCII characters".to_owned()) }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.ok_or_else(|| "it is a number of seconds".to_owned())
}
