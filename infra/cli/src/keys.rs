//! The keys that exports are sealed and opened with, as people name them.

use std::path::{Path, PathBuf};

use clap::Args;
use seal::{PrivateKey, PublicKey};

use crate::error::CliError;

/// The key to open sealed exports with.
#[derive(Debug, Clone, Args)]
pub(crate) struct PrivateKeyArg {
    /// Private RSA key in PEM, to open sealed exports with
    #[arg(long, value_name = "PEM", env = "RELOCATE_PRIVATE_KEY", hide_env_values = true)]
    private_key: Option<PathBuf>,
}

impl PrivateKeyArg {
    /// Reads the key with which `sealed` is to be opened.
    pub(crate) fn read_for(&self, sealed: &Path) -> Result<PrivateKey, CliError> {
        let path = self.private_key.as_ref().ok_or_else(|| CliError::NoPrivateKey(sealed.to_owned()))?;
        PrivateKey::from_pem(&bytes(path)?).map_err(|source| CliError::BadKey { path: path.clone(), source })
    }
}

/// Reads the key to seal exports with.
pub(crate) fn read_public_key(path: &Path) -> Result<PublicKey, CliError> {
    PublicKey::from_pem(&bytes(path)?).map_err(|source| CliError::BadKey { path: path.to_owned(), source })
}

fn bytes(path: &Path) -> Result<Vec<u8>, CliError> {
    std::fs::read(path).map_err(|source| CliError::Read { path: path.to_owned(), source })
}
