//! A stored object, a Secret's two values, ConnectWise's answers, Petra's list, and which of the other answers come: with a
//! byte 0xff between them, which no JSON has.

#![no_main]

use cwlink::testing::properties::connectwise::Reply;
use cwlink::testing::properties::conversation::{Script, visit};
use cwlink::testing::properties::secret;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.split(|byte| *byte == 0xff);
    let link = parts.next().unwrap_or_default();
    let secret = secret::data(parts.next(), parts.next());
    let replies = Reply::script(parts.next().unwrap_or_default());
    let page = parts.next().unwrap_or_default();
    let choices = parts.next().unwrap_or_default();
    visit(&Script { link, secret: &secret, replies: &replies, page, choices });
});
