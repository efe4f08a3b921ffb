//! The silo in DynamoDB keeps the contract of every silo.

use catalog::Catalog;
use platform::DynamoSilo;

use crate::support;

async fn empty() -> Option<DynamoSilo> {
    let client = aws_sdk_dynamodb::Client::new(&support::account()?);
    let table = support::make_table(&client, "CellTable").await;
    Some(DynamoSilo::new(client, table, Catalog::builtin()))
}

silo::silo_contract!(empty);
