//! The five headers of an answer that are read.

#![no_main]

use cwlink::testing::properties;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|values: [&[u8]; 5]| {
    properties::reply::headers(values);
});
