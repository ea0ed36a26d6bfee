//! A profiles file, and flags, one a line.

#![no_main]

use cwlink::properties;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    properties::files::profiles(text);
    properties::files::flags(text);
});
