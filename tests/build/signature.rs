//! The signature of the list of all files, made by minisign 0.11.

use std::fs;

use crate::tree::{Tree, assert_says};

const KEY: &str = concat!(
    "untrusted comment: minisign public key 42403F75DA6AB185\n",
    "RWSFsWradT9AQnsd6Jtscs0PwVd5MRFYRD/GzeDrNSXlTBf8U+wlFrnY\n",
);
const OTHER_KEY: &str = concat!(
    "untrusted comment: minisign public key 60F0BFEAA25DAB99\n",
    "RWSZq12i6r/wYP8c4BWbxUnCxFFu/JypCHYzJh8OXK8Xodi4iSuSZdU5\n",
);

/// Of the list of a tree with one file, `ipxe.efi`.
const SIGNATURE: &str = concat!(
    "untrusted comment: signature from minisign secret key\n",
    "RUSFsWradT9AQjDoeQnJDcpGm4cg+gIXzT1qBZLGbpBpTqxnVubKcRxO0WUnY0ccNT3yqfgOQzStIRR1vOOVovijbtt7rBReHAQ=\n",
    "trusted comment: test\n",
    "qNPSCb/i9qakfhuxmZf2NB4pDtPd35YfJBwMy6F487bdKO3A7uEI48rVNwb0Q8YV7pWov28XvP99cnfSvkjTBg==\n",
);

/// Of the same list, by another key.
const OTHER_SIGNATURE: &str = concat!(
    "untrusted comment: signature from minisign secret key\n",
    "RUSZq12i6r/wYIjQRFu4mbNGqG3M457xSEXomTrewKAD/zAB8mgEw6maY532St222I7Gy6qIoSSa4Ch7IQgkQWVLwGXaWyBxTAg=\n",
    "trusted comment: test\n",
    "3GuC+9lcAzZi7eRbKMDj2XVmEwBpjIgXF/gUWO/PrynPC7xlBQaDbLe6gk9uUaEuwmPIQzHS+7GbV1RGR1B4CQ==\n",
);

fn tree() -> Tree {
    Tree::new().file("ipxe.efi", "efi")
}

fn staged(tree: &Tree) -> String {
    tree.build();
    fs::read_to_string(tree.stage().join("minisig")).unwrap()
}

#[test]
fn a_right_signature_is_staged() {
    let signed = tree().file("SHA256SUMS.minisig", SIGNATURE);
    assert_eq!(staged(&signed), SIGNATURE);
    // The key in two lines, or in one.
    let one_line = KEY.lines().nth(1).unwrap();
    for key in [KEY, one_line] {
        let tree = tree().file("SHA256SUMS.minisig", SIGNATURE);
        assert_eq!(staged(&tree.file("PUBLIC_KEY", key)), SIGNATURE);
    }
    assert_eq!(staged(&tree()), "");
}

#[test]
fn the_key_and_the_signature_are_not_embedded() {
    let tree = tree().file("SHA256SUMS.minisig", SIGNATURE);
    let manifest = tree.file("PUBLIC_KEY", KEY).build();
    assert_eq!(crate::tree::names(&manifest), ["ipxe.efi"]);
}

#[test]
fn a_wrong_or_missing_signature_fails_the_build() {
    let signature = "ASSETS/SHA256SUMS.minisig: ";
    let of_other_files = "not a signature of the list of these files by the key in PUBLIC_KEY";
    let list = tree().file("more.efi", "more");
    for (tree, file, why) in [
        (tree(), signature, "missing, and there is a PUBLIC_KEY"),
        (
            list.file("SHA256SUMS.minisig", SIGNATURE),
            signature,
            of_other_files,
        ),
        (
            tree().file("SHA256SUMS.minisig", OTHER_SIGNATURE),
            signature,
            of_other_files,
        ),
        (
            tree().file("SHA256SUMS.minisig", SIGNATURE.replace(": test", ": tesT")),
            signature,
            of_other_files,
        ),
        (
            tree().file("SHA256SUMS.minisig", "rubbish"),
            signature,
            "not a signature as minisign writes it",
        ),
        (
            tree().file("SHA256SUMS.minisig", "x".repeat(20_000)),
            signature,
            "longer than 16384 bytes",
        ),
    ] {
        let tree = tree.file("PUBLIC_KEY", KEY);
        let advice = "`minisign -S -s SECRET_KEY -x ASSETS/SHA256SUMS.minisig -m ";
        tree.refused(&[file, why, advice, "remove ASSETS/PUBLIC_KEY and"]);
        // The error names the list that has to be signed.
        let list = tree.dir.path().join("SHA256SUMS");
        tree.refused(&[list.to_str().unwrap()]);
        let list = fs::read_to_string(list).unwrap();
        assert!(
            list.ends_with("  ipxe.efi\n") || list.ends_with("  more.efi\n"),
            "{list}"
        );
    }
}

#[test]
fn a_wrong_key_fails_the_build() {
    let tree = tree().file("SHA256SUMS.minisig", SIGNATURE);
    tree.file("PUBLIC_KEY", "rubbish")
        .refused(&["ASSETS/PUBLIC_KEY: not a public key as minisign writes it"]);
    let tree = self::tree().file("SHA256SUMS.minisig", OTHER_SIGNATURE);
    tree.file("PUBLIC_KEY", OTHER_KEY).build();
}

#[test]
fn without_a_key_there_is_a_warning() {
    use crate::build_script::signature_warning as warning;
    let tree = tree();
    assert_eq!(warning(&tree.assets()), None);
    tree.write("SHA256SUMS.minisig", SIGNATURE);
    let said = warning(&tree.assets()).unwrap();
    assert_says(
        &said,
        &[
            "SHA256SUMS.minisig is embedded without a check",
            "PUBLIC_KEY",
        ],
    );
    tree.write("PUBLIC_KEY", KEY);
    assert_eq!(warning(&tree.assets()), None);
}
