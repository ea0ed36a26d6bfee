//! A stored object, ConnectWise's answers, Petra's list, and which of the other answers come.

#![no_main]

use cwlink::properties::connectwise::Reply;
use cwlink::properties::conversation::{Told, visit};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|told: (&[u8], &[u8], &[u8], &[u8])| {
    let (link, script, page, choices) = told;
    let replies = Reply::script(script);
    visit(&Told { link, replies: &replies, page, choices });
});
