#![doc = include_str!("../README.md")]

mod attribute;
mod call_log;
mod clients;
mod events;
mod failure;
mod keys;
mod machine;
mod mailer;
mod meter;
mod objects;
mod platform;
mod queues;
mod record;
mod relocations;
mod seal_key;
mod service;
mod silo;
mod stream;
mod system;
mod table;
mod uploads;

pub use self::platform::Platform;
pub use self::silo::{DepartureRecord, DynamoSchedules, DynamoSilo};
pub use clients::configuration;
pub use events::Events;
pub use machine::Machine;
pub use mailer::Mailer;
pub use meter::{Meter, Usage};
pub use objects::Objects;
pub use queues::Queues;
pub use relocations::{Relocations, StreamRecord};
pub use seal_key::SealKey;
pub use service::ServiceError;
pub use system::{SystemClock, SystemEntropy};
pub use uploads::DirectUploads;
