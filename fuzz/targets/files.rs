//! A mounted file: a key, profiles, a CA bundle, or flags, one a line.

#![no_main]

use cwlink::testing::properties;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    properties::files::file(bytes);
});
