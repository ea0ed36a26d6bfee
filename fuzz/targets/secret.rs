//! A Secret as the API server sends it.

#![no_main]

use cwlink::testing::properties;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|json: &[u8]| {
    properties::secret::sent(json, "acme");
});
