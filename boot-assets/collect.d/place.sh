# shellcheck shell=sh
# Puts the files in place. Looks at the assets directory before it changes anything there.

check_target() {
    while IFS=$tab read -r hash _ name; do
        check_place "$name"
        is_there "$name" "$hash" || check_free "$name"
    done <"$stage/sums"
    while IFS=$tab read -r what name text; do
        check_place "$name"
        [ "$what" = link ] || is_link "$name" "$text" || check_free "$name"
    done <"$stage/links"
}

check_free() {
    if [ "$replace" = no ] && { [ -e "$to/$1" ] || [ -L "$to/$1" ]; }; then
        refuse "$to/$1 is there already, and is not the one from $(where)." \
            "Remove it, or run collect without --no-replace"
    fi
}

# Every directory on the way must be one, since a link could lead out.
check_place() {
    rest=$1
    path=$to
    while [ "$rest" != "${rest#*/}" ]; do
        path=$path/${rest%%/*}
        rest=${rest#*/}
        if [ -L "$path" ] || { [ -e "$path" ] && [ ! -d "$path" ]; }; then
            refuse "$path has to be a directory for $1, and is a link or a file. Remove it"
        fi
    done
    if [ -d "$to/$1" ] && [ ! -L "$to/$1" ]; then
        refuse "$to/$1 is a directory. Remove it, or do not take $1"
    fi
}

is_there() {
    [ -f "$to/$1" ] && [ "$(sum_of sha256sum "$to/$1")" = "$2" ]
}

is_link() {
    [ -L "$to/$1" ] && [ "$(readlink "$to/$1")" = "$2" ]
}

put_in_place() {
    while IFS=$tab read -r hash _ name; do
        [ -f "$stage/files/$name" ] || continue
        if [ -L "$to/$name" ] || ! is_there "$name" "$hash"; then
            clear_place "$name"
            chmod 644 "$stage/files/$name"
            mv -f "$stage/files/$name" "$to/$name"
        fi
    done <"$stage/sums"
    while IFS=$tab read -r _ name text; do
        if ! is_link "$name" "$text"; then
            clear_place "$name"
            ln -s -- "$text" "$to/$name"
        fi
    done <"$stage/links"

    if [ "$pin" = yes ]; then
        merge SHA256SUMS keep
        [ ! -f "$to/SHA256SUMS.local" ] || merge SHA256SUMS.local drop
    else
        merge SHA256SUMS.local keep
    fi
}

clear_place() {
    case $1 in
        */*) mkdir -p "$to/${1%/*}" ;;
    esac
    rm -f "$to/$1"
}
