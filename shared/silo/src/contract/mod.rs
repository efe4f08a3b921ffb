//! What every silo promises, as a suite that every adapter passes.
//!
//! A case is an `async fn` over an empty silo that keeps the built-in catalogue. [`silo_contract!`] turns
//! all of them into tests of the crate that has the adapter:
//!
//! ```text
//! async fn empty() -> Option<MySilo> { … } // none skips the test
//! silo::silo_contract!(empty);
//! ```
//!
//! To add a promise: write the case in the file of its subject, and name it in [`silo_contract!`].
//!
//! [`silo_contract!`]: crate::silo_contract

pub mod deletions;
pub mod imports;
pub mod journal;
pub mod keys;
pub mod rows;
pub mod sequences;
mod support;
pub mod tombstones;
pub mod transactions;
pub mod uniques;
pub mod values;
pub mod watermarks;

pub use support::Outcome;

/// Makes a test of every case of the contract, on an empty silo of its own.
///
/// The argument is the name of an `async fn() -> Option<impl Reconcile>` beside the call. The crate needs `tokio` with `macros` and a
/// runtime among its dependencies.
#[macro_export]
macro_rules! silo_contract {
    ($empty:ident) => {
        $crate::silo_contract! { @cases $empty;
            rows {
                reads_rows_in_the_order_asked_for
                reads_any_number_of_rows
                pages_in_order_whatever_the_limit
                pages_over_wide_gaps
                pages_of_one_model_only
            }
            keys {
                finds_referring_rows_by_key
                pages_over_referring_rows
                refuses_a_field_that_is_no_key
                pages_over_privileged_rows
                moves_references_with_their_row
            }
            values {
                keeps_every_digit_of_numbers
                keeps_deep_nesting
                keeps_odd_text
                keeps_big_rows
                refuses_rows_that_are_too_big
            }
            uniques {
                names_the_holder_of_a_taken_value
                null_is_never_taken
                partial_sets_bind_only_their_rows
                ignores_case_where_the_set_does
                finds_holders_in_the_order_asked_for
                replacing_moves_unique_values
                replacing_keeps_its_own_values
                replacing_enters_and_leaves_partial_sets
                refuses_a_value_twice_in_one_transaction
            }
            transactions {
                writes_everything_together
                writes_a_hundred_items
                refuses_more_items_than_there_is_room_for
                writes_nothing
                names_every_conflict_and_writes_nothing
                a_primary_key_is_taken_once
                refuses_a_row_twice_in_one_transaction
                replaces_only_what_was_read
                racing_writers_lose_nothing
            }
            deletions {
                deletes_a_row_whole
                deletes_only_what_was_read
                what_an_import_inserts_anew_is_another_row
                deletes_everything_together_or_nothing
                a_deleted_row_gives_its_values_up_afterwards
                deletes_many_rows_at_once
                deletes_big_rows
                no_primary_key_comes_back
            }
            sequences {
                reserves_consecutive_keys
                reserves_for_each_model
                racing_reservations_are_disjoint
                reserves_above_rows_that_are_there
                reserves_no_more_keys_than_there_are
            }
            imports {
                the_first_plan_stays
                racing_plans_agree
                keeps_plans_whole
                reads_a_chunk_back
                pages_over_chunks_in_order
                keeps_replicas_however_often_they_come
            }
            journal {
                tells_of_the_changes_that_it_is_to_tell_of
                tells_of_nothing_that_was_not_written
                keeps_what_a_row_was_before_each_change
                keeps_originals_whole
                pages_over_entries_in_order
            }
            tombstones {
                keeps_who_is_gone
                keeps_nobody_who_is_there
                buries_each_once
                buries_many
                racing_burials_are_numbered
                reads_where_keys_lead
                joins_rows_with_who_is_gone
                the_next_key_is_taken_by_its_row
                the_next_key_is_free
            }
            watermarks {
                moves_as_they_were_read
                one_of_many_moves
                knows_open_imports
                opening_an_import_holds_watermarks_back
                keeps_the_last_run
            }
        }
    };
    (@cases $empty:ident; $($subject:ident { $($case:ident)+ })+) => {
        $(mod $subject {
            $(#[tokio::test]
            async fn $case() -> $crate::contract::Outcome {
                match super::$empty().await {
                    Some(silo) => $crate::contract::$subject::$case(&silo).await,
                    None => Ok(()),
                }
            })+
        })+
    };
}
