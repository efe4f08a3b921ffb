//! `seed FILE` puts the rows of an export into the tables that the environment names (`CELL_TABLE`,
//! `CONTROL_TABLE`, and the variables of every AWS tool).

use std::error::Error;
use std::fs::File;
use std::io::{self, BufReader, Write};
use std::process::ExitCode;

use catalog::Catalog;
use platform::DynamoSilo;
use silo::Silos;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(error.as_ref());
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("usage: seed FILE")?;
    let file = File::open(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let aws = platform::configuration().await;
    let silo = |variable: &str| -> Result<DynamoSilo, Box<dyn Error>> {
        let table = std::env::var(variable).map_err(|_| format!("{variable} names no table"))?;
        Ok(DynamoSilo::connect(&aws, table, Catalog::builtin()))
    };
    let (cell, control) = (silo("CELL_TABLE")?, silo("CONTROL_TABLE")?);
    seed::seed(Silos { cell: &cell, control: &control }, BufReader::new(file)).await?;
    Ok(())
}

fn tell(error: &dyn Error) {
    let mut text = format!("error: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    // Where standard error is closed, nobody listens.
    let _ = writeln!(io::stderr(), "{text}");
}
