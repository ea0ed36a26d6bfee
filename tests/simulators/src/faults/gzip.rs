//! A body that is short on the wire and long when it is unpacked.

use flate2::{Compress, Compression, Crc, FlushCompress, Status};

/// How much of what repeats itself is packed; the outcome is repeated in its place.
const PIECE: usize = 1 << 20;
/// Of a gzip stream (RFC 1952): deflate, no name, no time, best compression, unknown system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 0xff];

/// One gzip stream that unpacks to `begin`, so many times `part`, and `end`. Each piece of it refers to nothing before it, so
/// that ten gigabytes are packed as fast as one megabyte, and take no room.
pub(super) fn packed(begin: &str, part: &str, times: usize, end: &str) -> Vec<u8> {
    let parts = (PIECE / part.len().max(1)).max(1);
    let piece = part.repeat(parts);
    let rest = part.repeat(times % parts);
    let texts = [(begin, 1), (&piece, times / parts), (&rest, 1), (end, 1)];
    let mut stream = HEADER.to_vec();
    let mut checksum = Crc::new();
    for (text, repeated) in texts {
        stream.extend(deflated(text.as_bytes(), FlushCompress::Full).repeat(repeated));
        let mut of_text = Crc::new();
        of_text.update(text.as_bytes());
        (0..repeated).for_each(|_| checksum.combine(&of_text));
    }
    stream.extend(deflated(&[], FlushCompress::Finish));
    stream.extend(checksum.sum().to_le_bytes());
    stream.extend(checksum.amount().to_le_bytes());
    stream
}

/// A text as a part of a deflate stream that ends at a whole byte; with [`FlushCompress::Finish`] the last one.
fn deflated(text: &[u8], flush: FlushCompress) -> Vec<u8> {
    let mut compress = Compress::new(Compression::best(), false);
    let mut packed = Vec::with_capacity(text.len() + 64);
    let status = compress.compress_vec(text, &mut packed, flush);
    // Room for the text as it is, and for what deflate writes around it, is enough for whatever is packed.
    assert!(matches!(status, Ok(Status::Ok | Status::StreamEnd)), "{status:?}");
    packed
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;

    use super::*;

    #[test]
    fn what_is_packed_unpacks_to_the_whole_text() {
        for (part, times) in [("{},", 700_000), (" ", 5), ("", 9), ("x", 0)] {
            let stream = packed("[", part, times, "0]");
            let mut text = String::new();
            GzDecoder::new(&stream[..]).read_to_string(&mut text).expect("a whole gzip stream");
            assert!(text == format!("[{}0]", part.repeat(times)), "{part:?} {times} times");
        }
    }

    #[test]
    fn ten_gigabytes_are_ten_megabytes_on_the_wire() {
        let stream = packed("[", " ", 10 << 30, "]");
        assert!((9 << 20..11 << 20).contains(&stream.len()), "{}", stream.len());
    }
}
