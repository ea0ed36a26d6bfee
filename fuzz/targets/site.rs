//! A host or URL as people type it.

#![no_main]

use cwlink::testing::properties;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    properties::texts::site(text);
});
