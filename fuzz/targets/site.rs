//! A host or URL as people type it.

#![no_main]

use cwlink::properties;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    properties::texts::site(text);
});
