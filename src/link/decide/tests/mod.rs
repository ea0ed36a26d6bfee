//! The rules, tested without I/O: [`world`] plays everything outside, `table` reads like the design's condition table,
//! `rules` takes one rule a test, and `histories` checks the promises after every step of generated sequences.

mod histories;
mod rules;
mod table;
mod world;
