//! Ids, owners, versions, companies, durations and times.

#![no_main]

use cwlink::testing::properties;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    properties::texts::identifiers(text);
    properties::texts::times(text);
});
