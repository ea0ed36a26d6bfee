//! An answer of Petra: two bytes for the status, one for the wait, and the body.

#![no_main]

use cwlink::testing::properties;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|told: &[u8]| {
    if let [high, low, wait, body @ ..] = told {
        let wait = (*wait > 0).then_some(u16::from(*wait));
        properties::answer::any(u16::from_be_bytes([*high, *low]), wait, body);
    }
});
