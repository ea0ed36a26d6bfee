//! A round of ConnectWise's answers, between zero bytes; the first byte of each says what kind it is.

#![no_main]

use cwlink::connectwise::Depth;
use cwlink::testing::properties::connectwise::{Reply, round};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|script: &[u8]| {
    let replies = Reply::script(script);
    let _ = round(replies.clone(), Depth::Full);
    let _ = round(replies, Depth::Cheap);
});
