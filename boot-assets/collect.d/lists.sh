# shellcheck shell=sh
# Lists of hashes: reads SHA256SUMS and published lists, and writes SHA256SUMS and SHA256SUMS.local.

# Lines of SHA-256, tab, name from a list.
read_sums() {
    awk "$(cat "$parts/sums.awk")"'parse_sum($0) { print hash "\t" name }' "$1"
}

# The hash that such lines have for a name.
sum_in() {
    name=$2 awk '{ tab = index($0, "\t") }
        substr($0, tab + 1) == ENVIRON["name"] { print substr($0, 1, tab - 1); exit }' "$1"
}

# A link would have collect write to another file than the one in the assets directory.
check_list() {
    if [ -L "$to/$1" ]; then
        refuse "$to/$1 is a symbolic link, and collect writes only to a file." \
            "Put the file in its place, or remove the link"
    elif [ -e "$to/$1" ] && [ ! -f "$to/$1" ]; then
        refuse "$to/$1 is not a file. Remove it"
    fi
}

read_pins() {
    : >"$stage/pins"
    [ "$pin" = yes ] || [ ! -f "$to/SHA256SUMS" ] || read_sums "$to/SHA256SUMS" >"$stage/pins"
}

check_pin() {
    pinned=$(sum_in "$stage/pins" "$1")
    [ -z "$pinned" ] || [ "$pinned" = "$2" ] ||
        refuse "$1 is not the one that $to/SHA256SUMS lists: expected sha256 $pinned, actual $2." \
            "Bring in the listed version; or, if this one is meant from now on, run collect again" \
            "with --pin"
}

read_list() {
    [ -f "$list" ] || refuse "$list is not a file. Name the list of hashes that the publisher gives"
    [ "$(wc -c <"$list")" -le "$most_list_bytes" ] ||
        refuse "$list has more than $most_list_bytes bytes. Name a list of hashes"
    read_sums "$list" >"$stage/list"
    [ -s "$stage/list" ] ||
        refuse "$list has no line with a SHA-256. Name a list as sha256sum prints it"
    twice=$(awk -F '\t' '
        ($2 in hash) && hash[$2] != $1 { print $2; exit }
        { hash[$2] = $1 }' "$stage/list")
    [ -z "$twice" ] ||
        refuse "$list has two different hashes of $twice. Ask its publisher which one is right"
}

# A list may call a file by its name here, or by the one that it has in the source.
check_listed() {
    expected=$(sum_in "$stage/list" "$2")
    [ -n "$expected" ] || expected=$(sum_in "$stage/list" "$1")
    [ -n "$expected" ] ||
        refuse "$2 is not in $list, so nothing vouches for it." \
            "Take other files with --only, or the list that belongs to these"
    [ "$expected" = "$3" ] ||
        refuse "$2 is not the file that $list lists: expected sha256 $expected, actual $3." \
            "Download it again, and see that the list is of this version"
    vouched="as in $list"
}

# Writes the new lines into a list, in the place of the old ones of the same names or at the end;
# or, with `drop`, only takes the old ones out. Every other line stays.
merge() {
    [ -f "$to/$1" ] || : >"$to/$1"
    cat "$to/$1" >"$stage/before"
    (cd "$stage" && action=$2 awk "$(cat "$parts/sums.awk")"'
        function put(name) {
            if (ENVIRON["action"] == "drop" || name in done) return
            done[name] = 1
            if (version[name] != "-") print "# version: " version[name] " " name
            print new[name] (style == "one" ? " " : "  ") name
        }
        NR == FNR {
            split($0, field, "\t")
            new[field[3]] = field[1]
            version[field[3]] = field[2]
            order[++count] = field[3]
            next
        }
        /^# version:[ \t]*[^ \t]+[ \t]+./ {
            name = $0
            sub(/\r$/, "", name)
            sub(/^# version:[ \t]*[^ \t]+[ \t]+/, "", name)
            clean_name()
            if (!(name in new)) print
            next
        }
        parse_sum($0) && name in new { put(name); next }
        { print }
        END { for (i = 1; i <= count; i++) put(order[i]) }
    ' sums before) >"$stage/after"
    cmp -s "$stage/after" "$to/$1" || cat "$stage/after" >"$to/$1"
}
