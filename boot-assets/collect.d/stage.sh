# shellcheck shell=sh
# Copies the files of the plan to $stage/files, and checks the copies.

# Lines of $stage/sums: SHA-256, version (or -), name. Lines of $stage/links: `link` or `tree`,
# name, text.
stage_all() {
    report_skipped
    staged=0
    while IFS=$tab read -r what name where extra; do
        case $what in
            file) stage_file "$name" "$where" "$extra" ;;
            link) stage_link "$name" "$where" "$extra" ;;
            tree)
                printf 'tree\t%s\t%s\n' "$name" "$extra" >>"$stage/links"
                printf '%s: a link to %s\n' "$name" "$where"
                ;;
            none) refuse "found no $name that can be taken in $(where). $install_hint" ;;
        esac
    done <"$stage/plan"
    [ -s "$stage/sums" ] || refuse "found no iPXE in $(where). $install_hint"
}

report_skipped() {
    awk -F '\t' '
        $1 == "skip" { print "not taken: " $2 ": " $3 }
        $1 == "rest" { print "not asked for: " $2 ($2 == 1 ? " file" : " files") }
    ' "$stage/plan"
}

# Copies NAME from WHERE, and checks the copy.
stage_file() {
    copy=$stage/files/$1
    case $1 in
        */*) mkdir -p "$stage/files/${1%/*}" ;;
    esac
    has=
    if [ "$kind" = archive ]; then
        copy_member "$2" "$copy"
        source_name="$3 in $from"
        vouched='in the archive with this hash'
    else
        { head -c "$((most_bytes - staged + 1))" <"$2" >"$copy"; } 2>"$stage/error" ||
            refuse "$2 cannot be copied: $(cat "$stage/error")." \
                "Make it readable, or name other files"
        check_budget "$(wc -c <"$copy")"
        source_name=$2
        check_package "$2" "$copy"
    fi
    hash=$(sum_of sha256sum "$copy")
    [ -z "$list" ] || check_listed "$1" "$3" "$hash"
    stage_sum "$1" "$hash" "${version:-${has:--}}"
    printf '%s: from %s, %s\n' "$1" "$source_name" "$vouched"
}

# WHERE is the offset of a multiple of 512, and the size.
copy_member() {
    offset=${1% *}
    bytes=${1#* }
    check_budget "$bytes"
    blocks=$(((bytes + 511) / 512))
    dd if="$stage/tar" bs=512 skip="$((offset / 512))" count="$blocks" 2>/dev/null |
        head -c "$bytes" >"$2"
    [ "$(wc -c <"$2")" -eq "$bytes" ] || refuse "$from cannot be unpacked. Is $stage full?"
}

check_budget() {
    staged=$((staged + $1))
    [ "$staged" -le "$most_bytes" ] ||
        refuse "the files to take have more than $most_bytes bytes." \
            "Take fewer with --only, or copy them by hand"
}

stage_link() {
    known=$(name=$2 awk -F '\t' '$3 == ENVIRON["name"] { print $1 "\t" $2; exit }' "$stage/sums")
    stage_sum "$1" "${known%%"$tab"*}" "${known#*"$tab"}"
    printf 'link\t%s\t%s\n' "$1" "$3" >>"$stage/links"
    printf '%s: a link to %s\n' "$1" "$2"
}

stage_sum() {
    check_pin "$1" "$2"
    printf '%s\t%s\t%s\n' "$2" "$3" "$1" >>"$stage/sums"
}

where() {
    printf '%s' "${boot_url:-${from:-the installed package}}"
}
