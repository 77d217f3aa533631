//! From the packages of a distribution, whose programs are stood in for.

use super::tree::{Tree, files, sum};

const VERSION: &str = "1.21.1+git20250501.dad20602+dfsg-1";

/// The files of `sys` as those of Debian's package `ipxe`, by a `dpkg-query` that knows nothing
/// else; `md5sums` has a digest and a name below `sys` in each line.
fn debian(tree: Tree, md5sums: &str) -> Tree {
    let root = tree.root().canonicalize().unwrap();
    let sys = root.join("sys").display().to_string();
    let md5sums = md5sums.replace("  ", &format!("  {}/", &sys[1..]));
    let script = format!(
        "case \"$*\" in\n\
         '--listfiles ipxe') find '{sys}' | sort ;;\n\
         '--control-show ipxe md5sums') printf '%s\\n' '{md5sums}' ;;\n\
         '--show --showformat ${{Version}} ipxe') printf '{VERSION}' ;;\n\
         '--search {sys}/usr/lib/ipxe') printf 'other, ipxe: {sys}/usr/lib/ipxe\\n' ;;\n\
         *) exit 1 ;;\n\
         esac\n"
    );
    tree.program("dpkg-query", &script)
        .program("rpm", "exit 1\n")
}

const MD5_BIOS: &str = "88264747405203a0502c8d242fdad7df";
const MD5_EFI: &str = "a9585ee26b99b02fd19465902f2fd4d5";

/// Debian 13's layout: the x86-64 program has a second name, and one file is no boot program.
fn debian13() -> Tree {
    let tree = Tree::new()
        .file("sys/usr/lib/ipxe/undionly.kpxe", "bios")
        .file("sys/usr/lib/ipxe/ipxe-amd64.efi", "efi")
        .file("sys/usr/lib/ipxe/ipxe.iso", "iso")
        .file("sys/usr/share/doc/ipxe/copyright", "text")
        .link("sys/usr/lib/ipxe/ipxe.efi", "ipxe-amd64.efi");
    let md5sums = format!(
        "{MD5_BIOS}  usr/lib/ipxe/undionly.kpxe\n{MD5_EFI}  usr/lib/ipxe/ipxe-amd64.efi\n\
         {MD5_EFI}  usr/lib/ipxe/ipxe.iso"
    );
    debian(tree, &md5sums)
}

#[test]
fn debian_13_keeps_its_names_and_its_link() {
    let tree = debian13();
    let said = tree.collect(&[]).join("\n");
    let sys = tree.root().canonicalize().unwrap().join("sys");
    let sys = sys.display();
    let expected = format!(
        "not taken: ipxe.iso: no pattern of ALLOW allows it\n\
         ipxe-amd64.efi: from {sys}/usr/lib/ipxe/ipxe-amd64.efi, as in package ipxe {VERSION}\n\
         undionly.kpxe: from {sys}/usr/lib/ipxe/undionly.kpxe, as in package ipxe {VERSION}\n\
         ipxe.efi: a link to ipxe-amd64.efi"
    );
    assert_eq!(said, expected);
    let expected = [
        ("ipxe-amd64.efi", "efi"),
        ("ipxe.efi", "-> ipxe-amd64.efi"),
        ("undionly.kpxe", "bios"),
    ];
    assert_eq!(tree.boot_files(), files(&expected));
    let (efi, bios) = (sum("efi"), sum("bios"));
    let local = format!(
        "# version: {VERSION} ipxe-amd64.efi\n{efi}  ipxe-amd64.efi\n\
         # version: {VERSION} undionly.kpxe\n{bios}  undionly.kpxe\n\
         # version: {VERSION} ipxe.efi\n{efi}  ipxe.efi\n"
    );
    assert_eq!(tree.read("assets/SHA256SUMS.local"), local);
    let alias_of = |name| {
        let manifest = tree.build();
        let mut records = manifest.records().iter();
        records.find(|r| r.name == name).unwrap().alias_of.clone()
    };
    assert_eq!(alias_of("ipxe.efi").as_deref(), Some("ipxe-amd64.efi"));
}

#[test]
fn a_link_whose_target_is_not_asked_for_becomes_a_copy() {
    let tree = debian13();
    let said = tree.collect(&["--only", "ipxe.efi"]);
    assert_eq!(said[0], "not asked for: 3 files");
    assert_eq!(tree.boot_files(), files(&[("ipxe.efi", "efi")]));
}

/// Debian 12's layout: files in `/boot`, and a link of the same name that leads there.
#[test]
fn debian_12_has_files_in_two_directories() {
    let tree = Tree::new().file("sys/boot/ipxe.efi", "efi");
    let target = tree
        .root()
        .canonicalize()
        .unwrap()
        .join("sys/boot/ipxe.efi");
    let tree = tree
        .link("sys/usr/lib/ipxe/ipxe.efi", target.to_str().unwrap())
        .file("sys/usr/lib/ipxe/undionly.kpxe", "bios");
    let md5sums = format!("{MD5_EFI}  boot/ipxe.efi\n{MD5_BIOS}  usr/lib/ipxe/undionly.kpxe");
    let tree = debian(tree, &md5sums);
    assert_eq!(tree.collect(&[]).len(), 2);
    let expected = files(&[("ipxe.efi", "efi"), ("undionly.kpxe", "bios")]);
    assert_eq!(tree.boot_files(), expected);

    // A directory that is named is the package's all the same, and so is what its link leads to.
    tree.collect(&["--from", "sys/usr/lib/ipxe", "--no-replace"]);
    assert_eq!(tree.boot_files(), expected);
    let said = tree.collect(&["--from", "sys/usr/lib/ipxe"]);
    assert!(said[0].ends_with(&format!("boot/ipxe.efi, as in package ipxe {VERSION}")));
}

#[test]
fn fedora_gets_the_usual_names_too() {
    let tree = Tree::new()
        .file("sys/usr/share/ipxe/ipxe-x86_64.efi", "efi")
        .file("sys/usr/share/ipxe/ipxe-snponly-x86_64.efi", "snp")
        .file("sys/usr/share/ipxe/ipxe-i386.efi", "ia32")
        .file("sys/usr/share/ipxe/arm64-efi/ipxe.efi", "arm")
        .file("sys/usr/share/ipxe/ipxe.usb", "usb");
    let of = |content, name: &str| {
        let path = tree.path("sys/usr/share/ipxe").join(name);
        format!(
            "{}\\t{}\\tNAME\\t2.0.0-1.fc44\\n",
            path.display(),
            sum(content)
        )
    };
    let directory = tree.path("sys/usr/share/ipxe");
    let x86 = [
        of("efi", "ipxe-x86_64.efi"),
        of("snp", "ipxe-snponly-x86_64.efi"),
        of("ia32", "ipxe-i386.efi"),
        of("usb", "ipxe.usb"),
        format!("{}\\t\\tNAME\\t2.0.0-1.fc44\\n", directory.display()),
    ];
    let script = format!(
        "case \"$*\" in\n\
         *ipxe-bootimgs-x86) printf '{}' | sed s/NAME/ipxe-bootimgs-x86/ ;;\n\
         *ipxe-bootimgs-aarch64) printf '{}' | sed s/NAME/ipxe-bootimgs-aarch64/ ;;\n\
         *) exit 1 ;;\n\
         esac\n",
        x86.concat(),
        of("arm", "arm64-efi/ipxe.efi"),
    );
    let tree = tree
        .program("rpm", &script)
        .program("dpkg-query", "exit 1\n");
    let said = tree.collect(&[]);
    assert_eq!(
        said[0],
        "not taken: ipxe.usb: no pattern of ALLOW allows it"
    );
    let by_arm = "arm64-efi/ipxe.efi, as in package ipxe-bootimgs-aarch64 2.0.0-1.fc44";
    assert!(said.iter().any(|line| line.ends_with(by_arm)), "{said:#?}");
    let expected = [
        ("arm64-efi/ipxe.efi", "arm"),
        ("ipxe-arm64.efi", "-> arm64-efi/ipxe.efi"),
        ("ipxe-i386.efi", "ia32"),
        ("ipxe-snponly-x86_64.efi", "snp"),
        ("ipxe-x86_64.efi", "efi"),
        ("ipxe.efi", "-> ipxe-x86_64.efi"),
        ("snponly.efi", "-> ipxe-snponly-x86_64.efi"),
    ];
    assert_eq!(tree.boot_files(), files(&expected));
    assert_eq!(tree.build().records().len(), 7);
}

#[test]
fn a_file_must_have_its_packages_checksum() {
    let tree = Tree::new().file("sys/usr/lib/ipxe/undionly.kpxe", "changed");
    let tree = debian(tree, &format!("{MD5_BIOS}  usr/lib/ipxe/undionly.kpxe"));
    let said = [
        "usr/lib/ipxe/undionly.kpxe is not what package ipxe 1.21.1",
        &format!("expected {MD5_BIOS}"),
        "actual 8977dfac2f8e04cb96e66882235f5aba",
        "Install the package again",
    ];
    tree.refuses(1, &[], &said);
    tree.refuses(1, &["--from", "sys/usr/lib/ipxe"], &said);

    let tree = Tree::new().file("sys/usr/lib/ipxe/undionly.kpxe", "bios");
    let tree = debian(tree, &format!("{MD5_BIOS}  usr/lib/ipxe/other"));
    let said = ["no checksum in its package", "run: collect --from"];
    tree.refuses(1, &[], &said);
}

#[test]
fn without_a_package_it_says_what_to_install() {
    let tree = Tree::new()
        .program("dpkg-query", "exit 1\n")
        .program("rpm", "exit 1\n");
    let said = [
        "found no iPXE",
        "apt-get install ipxe",
        "dnf install",
        "--from",
    ];
    tree.refuses(1, &[], &said);
}
