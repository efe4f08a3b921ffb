//! Tests that span crates; see the README beside this file.
