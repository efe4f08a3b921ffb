//! Compares two exports (SPEC §9).
