//! Made-up files: no two blocks of them are alike, so that one in the wrong place shows.

use bootstone::catalog::{Catalog, Entry};

/// Sizes around the ends of blocks of 512 bytes; whole blocks of 8, 512, 1024, 1428 and 1468 bytes;
/// and about a MiB.
pub const SIZES: [usize; 12] = [
    0, 1, 511, 512, 513, 1024, 5120, 14_280, 14_680, 1_048_573, 1_048_576, 1_048_577,
];

/// One block more than there are numbers, with blocks of 8 bytes and with blocks of 512.
pub const ROLLOVER_8: usize = 8 * 65_537;
pub const ROLLOVER_512: usize = 512 * 65_537;

/// Text with every kind of line end, and none.
pub const TEXT: &str = "text.txt";

/// Names in directories; what they hold is in their names.
pub const NAMES: [&str; 3] = ["2.0.0/ipxe.efi", "a/b/c/d/e.ipxe", "Menu.ipxe"];

pub fn name_of_size(size: usize) -> String {
    format!("size-{size}")
}

pub fn catalog() -> Catalog {
    let sizes = SIZES.map(|size| Entry::new(name_of_size(size), bytes(size)));
    let names = NAMES.map(|name| Entry::new(name, name.as_bytes()));
    let text = Entry::new(TEXT, text());
    let rollover = Entry::new(name_of_size(ROLLOVER_8), bytes(ROLLOVER_8));
    Catalog::new(
        sizes
            .into_iter()
            .chain(names)
            .chain([text, rollover])
            .collect(),
    )
}

/// The first `size` bytes of a sequence that never repeats.
pub fn bytes(size: usize) -> Vec<u8> {
    let words = (0..size.div_ceil(8) as u64).flat_map(|i| scatter(i).to_le_bytes());
    words.take(size).collect()
}

/// 40,000 pieces in which CR, LF and NUL stand next to each other in every way, at every place of a
/// block.
pub fn text() -> Vec<u8> {
    const PIECES: [&[u8]; 8] = [
        b"\n",
        b"\r",
        b"\r\n",
        b"\n\r",
        b"\r\0",
        b"\0",
        b"a",
        b"boot here",
    ];
    let pieces = (0..40_000).flat_map(|i| PIECES[scatter(i) as usize % PIECES.len()]);
    pieces.copied().collect()
}

/// What RFC 764 makes of a text of Unix.
pub fn netascii(text: &[u8]) -> Vec<u8> {
    let pair = |byte: &u8| match byte {
        b'\n' => b"\r\n".to_vec(),
        b'\r' => b"\r\0".to_vec(),
        byte => vec![*byte],
    };
    text.iter().flat_map(pair).collect()
}

/// The output function of splitmix64.
fn scatter(index: u64) -> u64 {
    let mut x = (index + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
