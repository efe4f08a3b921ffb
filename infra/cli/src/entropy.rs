//! Randomness: the operating system's, or what follows from a seed.

use uuid::Uuid;

use crate::error::CliError;

/// So many random bytes.
pub(crate) fn random<const LENGTH: usize>() -> Result<[u8; LENGTH], CliError> {
    let mut bytes = [0; LENGTH];
    getrandom::fill(&mut bytes).map_err(CliError::Randomness)?;
    Ok(bytes)
}

/// The uuid that random bytes make.
pub(crate) fn uuid(bytes: [u8; 16]) -> Uuid {
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

/// The key of an import that a seed stands for.
pub(crate) fn import_key(seed: u64) -> [u8; 32] {
    blake3::derive_key("relocate 2026 key of a rehearsed import", &seed.to_le_bytes())
}

/// The key that a seed stands for when an export is sanitised.
pub(crate) fn sanitize_key(seed: u64) -> [u8; 32] {
    blake3::derive_key("relocate 2026 key of a sanitised export", &seed.to_le_bytes())
}

/// The uuid of an import that a seed stands for.
pub(crate) fn import_uuid(seed: u64) -> Uuid {
    let mut bytes = [0; 16];
    let mut hasher = blake3::Hasher::new_derive_key("relocate 2026 uuid of a rehearsed import");
    hasher.update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
    uuid(bytes)
}
