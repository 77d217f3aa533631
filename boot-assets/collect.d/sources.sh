# shellcheck shell=sh
# Reads what a source has: packages, a directory or an archive.
#
# $stage/tree gets a line for each entry, with tabs between
#
#   f NAME WHERE     a file: its path, or its offset and size in the archive
#   d NAME -         a directory
#   l NAME TEXT      a symbolic link
#   h NAME TARGET    another name of TARGET, which counts from the top
#   o NAME -         anything else
#
# A byte of a name that is not printable ASCII is never a tab or a line end here.

read_source() {
    case $from in
        '') kind=package; read_packages ;;
        *)
            if [ -d "$from" ]; then
                [ -z "$sha256" ] ||
                    wrong_usage "--sha256 is for an archive, and $from is a directory"
                kind=directory
                read_directory
            elif [ -f "$from" ]; then
                kind=archive
                read_archive
            else
                refuse "$from is neither a directory nor a file. Name the directory or the" \
                    "archive that iPXE is in"
            fi
            ;;
    esac
}

# --- packages: $stage/packages has lines of PATH, DIGEST (or -), PACKAGE, VERSION

read_packages() {
    # shellcheck disable=SC2086 # Words are meant to be split.
    tables $packages >"$stage/packages"
    while IFS=$tab read -r path _; do
        name=$(package_name "$path")
        if [ -z "$name" ]; then
            continue
        elif [ -L "$path" ]; then
            read_package_link "$name" "$path"
        elif [ -f "$path" ]; then
            printf 'f\t%s\t%s\n' "$name" "$path"
        fi
    done <"$stage/packages" >"$stage/tree"
    [ -s "$stage/tree" ] || refuse "found no iPXE in an installed package. $install_hint"
}

install_hint='Install it (Debian, Ubuntu: apt-get install ipxe; Fedora: dnf install
ipxe-bootimgs-x86 ipxe-bootimgs-aarch64), or name the directory or the archive that it is in with
--from'

# A link within the package is a second name; Debian 12 has one to the same name elsewhere, too.
read_package_link() {
    target=$(readlink -f "$2") || target=
    target=$(package_name "$target")
    if [ -z "$target" ]; then
        printf 'o\t%s\t-\n' "$1"
    elif [ "$target" != "$1" ]; then
        printf 'h\t%s\t%s\n' "$1" "$target"
    fi
}

# The name of a boot program, or nothing for what else packages have.
package_name() {
    for directory in $package_directories; do
        case $1 in
            */"$directory"?*) printf '%s' "${1##*/"$directory"}"; return ;;
        esac
    done
}

tables() {
    for package; do
        dpkg_table "$package"
        rpm_table "$package"
    done
}

dpkg_table() {
    command -v dpkg-query >/dev/null || return 0
    dpkg-query --listfiles "$1" >"$stage/files-of" 2>/dev/null || return 0
    dpkg-query --control-show "$1" md5sums >"$stage/md5sums" 2>/dev/null || : >"$stage/md5sums"
    has=$(dpkg-query --show --showformat '${Version}' "$1") || return 0
    (cd "$stage" && package=${1%%:*} version=$has awk '
        NR == FNR { digest["/" substr($0, 35)] = $1; next }
        {
            print $0 "\t" ($0 in digest ? digest[$0] : "-") "\t" \
                ENVIRON["package"] "\t" ENVIRON["version"]
        }
    ' md5sums files-of)
}

# rpm has no digest for a link or a directory.
rpm_table() {
    command -v rpm >/dev/null || return 0
    format='[%{FILENAMES}\t%{FILEDIGESTS}\t%{=NAME}\t%{=VERSION}-%{=RELEASE}\n]'
    rpm --query --queryformat "$format" "$1" >"$stage/files-of" 2>/dev/null || return 0
    awk -F '\t' -v OFS='\t' '$2 == "" { $2 = "-" } { print }' "$stage/files-of"
}

# The packages that a directory belongs to.
owners() {
    if command -v dpkg-query >/dev/null; then
        dpkg-query --search "$1" 2>/dev/null |
            path=": $1" awk '
                { start = length($0) - length(ENVIRON["path"]) }
                substr($0, start + 1) == ENVIRON["path"] && !/^diversion / {
                    $0 = substr($0, 1, start); gsub(/,/, ""); print
                }' || true
    fi
    if command -v rpm >/dev/null; then
        rpm --query --file --queryformat '%{NAME}\n' "$1" 2>/dev/null || true
    fi
}

# The checksum, the package and its version of a file of a package.
packaged() {
    path=$1 awk -F '\t' '
        $1 == ENVIRON["path"] && $2 != "-" { print $2, $3, $4; exit }' "$stage/packages"
}

# Sets `vouched` to a few words on what vouches for the copy $2 of the file $1, and `has` to the
# version that its package has.
check_package() {
    has=
    found=$(packaged "$1")
    if [ -z "$found" ]; then
        [ "$kind" != package ] ||
            refuse "$1 has no checksum in its package, so nothing vouches for it. If you do," \
                "run: collect --from ${1%/*}"
        vouched='not checked: no package has a checksum of it'
        return
    fi
    expected=${found%% *}
    owner=${found#* }
    case ${#expected} in
        32) actual=$(sum_of md5sum "$2") ;;
        40) actual=$(sum_of sha1sum "$2") ;;
        64) actual=$(sum_of sha256sum "$2") ;;
        128) actual=$(sum_of sha512sum "$2") ;;
        *) actual='a checksum of another kind' ;;
    esac
    [ "$actual" = "$expected" ] ||
        refuse "$1 is not what package $owner installed: expected $expected, actual $actual." \
            "Install the package again; or, if you trust this file, copy it by hand and add its" \
            "hash to SHA256SUMS.local"
    vouched="as in package $owner"
    has=${owner#* }
}

# --- a directory

read_directory() {
    source=$(cd -- "$from" && pwd -P)
    # shellcheck disable=SC2046 # Words are meant to be split.
    tables $(owners "$source") >"$stage/packages"
    : >"$stage/error"
    {
        entries d -type d
        entries f -type f
        entries o ! -type d ! -type f ! -type l
        entries l -type l
    } | sort -t "$tab" -k 2 >"$stage/entries"
    [ ! -s "$stage/error" ] || refuse "$from cannot be read: $(head -n 1 "$stage/error")"
    [ "$(wc -l <"$stage/entries")" -lt "$most_entries" ] ||
        refuse "$from has more than $most_entries entries below it." \
            "Name the directory that iPXE is in"
    while IFS=$tab read -r type name; do
        case $type in
            f) where=$source/$name ;;
            l) read_directory_link "$source/$name" ;;
            *) where=- ;;
        esac
        printf '%s\t%s\t%s\n' "$type" "$name" "$where"
    done <"$stage/entries" >"$stage/tree"
}

# Sets `type` and `where` of a link. A file of a package counts as the link's own, wherever it is.
read_directory_link() {
    where=$(readlink -f "$1") || where=
    case $where in
        "$source"/*) ;;
        *) [ -z "$(packaged "$where")" ] || { type=f; return; } ;;
    esac
    where=$(readlink "$1" | tr '\t\n' '\001\n')
}

# Lines of the type and the name; in a name, what would end a field is another control character.
entries() {
    type=$1
    shift
    (cd -- "$source" && find . ! -name . "$@" -print0 2>>"$stage/error") |
        tr '\t\n\0' '\001\001\n' | head -n "$most_entries" | sed "s|^\./|$type$tab|"
}

# --- an archive

# The archive is copied first, so that what was checked is what is unpacked.
read_archive() {
    [ -n "$sha256" ] ||
        wrong_usage "$from is a file, and --sha256 is missing: the hash that its publisher gives"
    cp -- "$from" "$stage/archive" 2>"$stage/error" ||
        refuse "$from cannot be read: $(cat "$stage/error")"
    actual=$(sum_of sha256sum "$stage/archive")
    [ "$actual" = "$sha256" ] ||
        refuse "$from is not the archive that --sha256 names, and was not unpacked:" \
            "expected sha256 $sha256, actual $actual." \
            "Download it again, and see that the hash is of this version"

    {
        gzip -dc <"$stage/archive" 2>"$stage/error" || echo failed >"$stage/failed"
    } | head -c "$((most_bytes + 1))" >"$stage/tar"
    size=$(wc -c <"$stage/tar")
    size=$((size))
    [ "$size" -le "$most_bytes" ] ||
        refuse "$from has more than $most_bytes bytes when decompressed, which no release of iPXE" \
            "has. Unpack it yourself, and use --from DIR"
    [ ! -e "$stage/failed" ] ||
        refuse "$from is not a whole file as gzip makes it: $(cat "$stage/error"). Name a .tar.gz"
    tar_members || refuse "$from: $(cat "$stage/error"). Nothing was unpacked"
}

# Reads the headers of $stage/tar. What a tar program would make of them does not matter: no tar
# program is used, and only regular files are copied out of the archive, to names chosen by `plan`.
tar_members() {
    tar=$stage/tar size=$size most=$most_members awk -f "$parts/tar.awk" \
        >"$stage/tree" 2>"$stage/error" </dev/null
}
