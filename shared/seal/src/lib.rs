#![doc = include_str!("../README.md")]

mod data_key;
mod envelope;
mod error;
mod keys;
mod plaintext;
mod tarball;
mod token;
mod verify;
mod writer;

use std::io::{Read, Seek};

pub use data_key::DataKey;
pub use envelope::Envelope;
pub use error::{SealError, TokenFault};
pub use keys::{KeyUnwrapper, PrivateKey, PublicKey};
pub use plaintext::Plaintext;
pub use tarball::{Layout, Member, Span};
pub use verify::Verified;
pub use writer::{SealOptions, SealWriter, seal, sealed_len};

/// Opens a sealed export of at most `max_size` bytes: all the steps of reading in one call.
///
/// # Errors
/// As [`Layout::read`], [`Envelope::read`], [`Envelope::require_key`], [`KeyUnwrapper::unwrap_key`] and
/// [`Verified::check`], in this order.
pub fn open<R: Read + Seek>(
    mut source: R,
    max_size: u64,
    unwrapper: &impl KeyUnwrapper,
) -> Result<Plaintext<R>, SealError> {
    let layout = Layout::read(&mut source, max_size)?;
    let envelope = Envelope::read(&mut source, &layout)?;
    envelope.require_key(unwrapper.public_key())?;
    let key = unwrapper.unwrap_key(&envelope.wrapped_key)?;
    Verified::check(&mut source, &layout, &key)?.open(source, &key, 0)
}
