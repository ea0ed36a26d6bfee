//! The two values of a Secret.

#![no_main]

use cwlink::testing::properties;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|keys: (Option<&[u8]>, Option<&[u8]>)| {
    properties::texts::keys(keys.0, keys.1);
    properties::secret::stored(&properties::secret::data(keys.0, keys.1), "acme");
});
