//! A body from Petra.

#![no_main]

use cwlink::testing::properties;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    properties::petra::body(body);
});
