//! Scheduled deletions in DynamoDB keep the contract of every store of them.

use platform::DynamoSchedules;

use crate::support;

async fn empty() -> Option<DynamoSchedules> {
    let client = aws_sdk_dynamodb::Client::new(&support::account()?);
    let cell = support::make_table(&client, "CellTable").await;
    let control = support::make_table(&client, "ControlTable").await;
    Some(DynamoSchedules::new(client, cell, control))
}

deletion::schedules_contract!(empty);
