//! How much fits into an answer.

use serde::Serialize;

/// The largest answer in bytes. Lambda takes 6 MB, of which the headers need little.
pub(crate) const PAYLOAD_MAX: usize = 5_500_000;

/// How many bytes a value takes in Lambda's answer: its JSON stands there as a text, so that whatever JSON escapes is
/// escaped twice. What cannot be written fits nowhere.
pub(crate) fn payload_bytes(value: &impl Serialize) -> usize {
    let twice = serde_json::to_string(value).and_then(|json| serde_json::to_string(&json));
    twice.map_or(usize::MAX, |text| text.len())
}
