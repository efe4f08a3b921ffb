//! What lets a user claim an account: a hash that only the mail's reader knows (SPEC §7, *Claim hash*).

use std::time::Duration;

use catalog::{CLAIM_HASH_LENGTH, Claim};
use directory::{claims, roles, time};
use jiff::Timestamp;
use pipeline::port::Entropy;
use serde_json::Value;
use silo::{Fields, ImportPlan, Pk, Row, Silo, StoreError, StoreErrorKind, Stored, Write, WriteError};

/// How long a hash is used again.
const FRESH_FOR: Duration = Duration::from_hours(1);

/// The characters of a hash.
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// How many claims one transaction writes, of whose 100 items each may take three: a row, its unique user, and what
/// the journal tells of it. One is the sequence that primary keys are taken from.
const CLAIMS_PER_WRITE: usize = 33;

/// How often it is tried anew because claims changed meanwhile.
const ATTEMPTS_MAX: usize = 20;

/// Sees to it that each user has a hash younger than an hour: one that is young enough stays, another is made
/// anew. Answers when the hash of each was made. The journal of the import tells of claims that did not come with it.
pub(crate) async fn ensure(
    control: &impl Silo,
    plan: &ImportPlan,
    users: &[Pk],
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<Vec<Timestamp>, StoreError> {
    // The store keeps milliseconds.
    let now = Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now);
    for _ in 0..ATTEMPTS_MAX {
        let (writes, dates) = due(control, users, now, entropy).await?;
        let mut all_written = true;
        for writes in writes.chunks(CLAIMS_PER_WRITE) {
            match control.write(&plan.transaction(control.catalog(), writes.to_vec(), None)).await {
                Ok(()) => {}
                // Somebody else has made or renewed one of them: what is due now, the next round finds.
                Err(WriteError::Conflict(_)) => all_written = false,
                Err(WriteError::Store(error)) if error.kind == StoreErrorKind::Contention => {
                    all_written = false;
                }
                Err(WriteError::Store(error)) => return Err(error),
                Err(error @ WriteError::RowTooLarge { .. }) => {
                    return Err(StoreError::with_source(StoreErrorKind::Refused, "writing a claim", error));
                }
            }
        }
        if all_written {
            return Ok(dates);
        }
    }
    Err(StoreError::new(StoreErrorKind::Contention, "renewing claims that keep changing"))
}

/// The claims to make and to renew, and when that of each user was made once they are.
async fn due(
    control: &impl Silo,
    users: &[Pk],
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<(Vec<Write>, Vec<Timestamp>), StoreError> {
    let roles = roles(control)?;
    let (model, claim_fields) = (roles.claims(), roles.claim());
    let present = claims(control, users).await?;
    let missing = present.iter().any(Option::is_none);
    let first = if missing { control.next_pk(model).await? } else { 0 };
    let mut next_pk = first..;
    let (mut writes, mut dates) = (Vec::new(), Vec::with_capacity(users.len()));
    for (user, claim) in users.iter().zip(present) {
        let fresh =
            claim.as_ref().and_then(|claim| made_at(claim_fields, claim)).filter(|made| is_fresh(*made, now));
        dates.push(fresh.unwrap_or(now));
        let mut fields = Fields::from_iter([
            (claim_fields.user.clone(), Value::from(*user)),
            (claim_fields.hash.clone(), hash(entropy).into()),
            (claim_fields.made.clone(), time(now)),
        ]);
        match claim {
            Some(_) if fresh.is_some() => {}
            Some(before) => {
                let mut renewed = Fields::clone(&before.row.fields);
                renewed.append(&mut fields);
                writes.push(Write::replace(model, before, renewed));
            }
            None => {
                if let Some(pk) = next_pk.next() {
                    writes.push(Write::insert_next(model, Row::new(pk, roles.completed(model, fields, now))));
                }
            }
        }
    }
    Ok((writes, dates))
}

fn made_at(fields: &Claim, claim: &Stored) -> Option<Timestamp> {
    claim.row.fields.get(&fields.made).and_then(Value::as_str)?.parse().ok()
}

fn is_fresh(made: Timestamp, now: Timestamp) -> bool {
    now.duration_since(made) < FRESH_FOR.try_into().unwrap_or_default()
}

/// 190 random bits as letters and digits. A byte is taken only where the alphabet divides it evenly, so that
/// each character is as likely as any other.
fn hash(entropy: &dyn Entropy) -> String {
    let evenly = u8::MAX - u8::MAX % ALPHABET.len() as u8;
    let bytes = std::iter::repeat_with(|| entropy.bytes()).flatten().filter(|byte| *byte < evenly);
    let characters = bytes.filter_map(|byte| ALPHABET.get(usize::from(byte) % ALPHABET.len()));
    characters.take(CLAIM_HASH_LENGTH).map(|character| char::from(*character)).collect()
}
