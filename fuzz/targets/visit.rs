//! A stored object, a Secret's two values, ConnectWise's answers, Petra's list, and which of the other answers come.

#![no_main]

use cwlink::properties::connectwise::Reply;
use cwlink::properties::conversation::{Told, visit};
use cwlink::properties::secret;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|told: (&[u8], Option<&[u8]>, Option<&[u8]>, &[u8], &[u8], &[u8])| {
    let (link, public, private, script, page, choices) = told;
    let replies = Reply::script(script);
    visit(&Told { link, secret: &secret::data(public, private), replies: &replies, page, choices });
});
