//! What lets a user claim an account: a hash that only the mail's reader knows (SPEC §7, *Claim hash*).

use std::time::Duration;

use directory::{CLAIM, claims, model};
use jiff::Timestamp;
use pipeline::port::Entropy;
use serde_json::Value;
use silo::{Fields, Pk, Row, Silo, StoreError, StoreErrorKind, Stored, Transaction, Write, WriteError};

/// How long a hash is used again.
const FRESH_FOR: Duration = Duration::from_hours(1);

/// How many characters a hash has.
const HASH_LENGTH: usize = 32;

/// The characters of a hash.
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// How many claims one transaction writes: each is a row and its unique user.
const CLAIMS_PER_WRITE: usize = 40;

/// How often it is tried anew because claims changed meanwhile.
const ATTEMPTS_MAX: usize = 8;

/// Sees to it that each user has a hash younger than an hour: one that is young enough stays, another is made
/// anew.
pub(crate) async fn ensure(
    control: &impl Silo,
    users: &[Pk],
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<(), StoreError> {
    for _ in 0..ATTEMPTS_MAX {
        let writes = due(control, users, now, entropy).await?;
        let mut all_written = true;
        for writes in writes.chunks(CLAIMS_PER_WRITE) {
            match control.write(&Transaction { writes: writes.to_vec(), chunk: None }).await {
                Ok(()) => {}
                // Somebody else has made or renewed one of them: what is due now, the next round finds.
                Err(WriteError::Conflict(_)) => all_written = false,
                Err(WriteError::Store(error)) => return Err(error),
                Err(error @ WriteError::RowTooLarge { .. }) => {
                    return Err(StoreError::with_source(StoreErrorKind::Refused, "writing a claim", error));
                }
            }
        }
        if all_written {
            return Ok(());
        }
    }
    Err(StoreError::new(StoreErrorKind::Contention, "renewing claims that keep changing"))
}

/// The claims to make and to renew.
async fn due(
    control: &impl Silo,
    users: &[Pk],
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<Vec<Write>, StoreError> {
    let model = model(control, CLAIM)?;
    let present = claims(control, users).await?;
    let missing = present.iter().filter(|claim| claim.is_none()).count();
    let first = if missing == 0 { 0 } else { control.reserve(model, missing as u64).await? };
    let mut next_pk = first..;
    let mut writes = Vec::new();
    for (user, claim) in users.iter().zip(present) {
        let mut fields = Fields::from_iter([
            ("user".to_owned(), Value::from(*user)),
            ("hash".to_owned(), hash(entropy).into()),
            ("date_added".to_owned(), format!("{now:.3}").into()),
        ]);
        match claim {
            Some(claim) if is_fresh(&claim, now) => {}
            Some(before) => {
                let mut renewed = before.row.fields.clone();
                renewed.append(&mut fields);
                let after = Row { pk: before.row.pk, fields: renewed };
                writes.push(Write::Replace { model: model.id, before, after });
            }
            None => {
                if let Some(pk) = next_pk.next() {
                    writes.push(Write::Insert { model: model.id, row: Row { pk, fields } });
                }
            }
        }
    }
    Ok(writes)
}

fn is_fresh(claim: &Stored, now: Timestamp) -> bool {
    let made = claim.row.fields.get("date_added").and_then(Value::as_str);
    let made = made.and_then(|text| text.parse::<Timestamp>().ok());
    made.is_some_and(|made| now.duration_since(made) < FRESH_FOR.try_into().unwrap_or_default())
}

/// 190 random bits as letters and digits. A byte is taken only where the alphabet divides it evenly, so that
/// each character is as likely as any other.
fn hash(entropy: &dyn Entropy) -> String {
    let evenly = u8::MAX - u8::MAX % ALPHABET.len() as u8;
    let bytes = std::iter::repeat_with(|| entropy.bytes()).flatten().filter(|byte| *byte < evenly);
    let characters = bytes.filter_map(|byte| ALPHABET.get(usize::from(byte) % ALPHABET.len()));
    characters.take(HASH_LENGTH).map(|character| char::from(*character)).collect()
}
