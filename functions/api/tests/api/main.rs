//! The API by its requests and answers, as API Gateway hands them over.

mod create;
mod other;
mod stage;
mod upload;
