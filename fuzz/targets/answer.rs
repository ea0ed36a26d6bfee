//! An answer of Petra: status, wait and body.

#![no_main]

use cwlink::properties;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|told: (u16, Option<u16>, &[u8])| {
    let (status, wait, body) = told;
    properties::answer::any(status, wait, body);
});
