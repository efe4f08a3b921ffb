//! What the benchmarks need besides the command line: the floor that imports are measured against, and an import
//! into a silo that keeps nothing. `tests/bench/run` calls it.

#![expect(clippy::print_stdout, reason = "a program that prints its figures")]

mod discard;
mod floor;

use std::error::Error;
use std::time::Instant;

/// The allocator that `relocate` has, so that the figures can be compared.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let start = Instant::now();
    let rows = match args.as_slice() {
        ["floor", file] => floor::parse(file.as_ref())?,
        ["discard", file, private_key] => discard::import_sealed(file.as_ref(), private_key.as_ref())?,
        _ => return Err("bench floor FILE.json | bench discard FILE.tar PRIVATE_KEY.pem".into()),
    };
    println!("{rows} {}", start.elapsed().as_secs_f64());
    Ok(())
}
