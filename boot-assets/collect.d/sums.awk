# Functions that read a line as `sha256sum --check` does: GNU, with * for binary, with one
# space (if the first line of the list has one), BSD, and each with escapes.

# Sets `hash` and `name`; true if the line has them.
function parse_sum(line,    escaped, end) {
    sub(/\r$/, "", line)
    if (line ~ /^#/ || line == "") return 0
    sub(/^[ \t]+/, "", line)
    if (escaped = line ~ /^\\/) line = substr(line, 2)
    if (line ~ /^SHA256/) {
        if (line !~ /^SHA256 ?\(.*\)[ \t]*=[ \t]*[0-9A-Fa-f]+$/) return 0
        end = match(line, /\)[ \t]*=[ \t]*[0-9A-Fa-f]+$/)
        hash = substr(line, end)
        sub(/.*[ \t=]/, "", hash)
        name = substr(line, 1, end - 1)
        sub(/^SHA256 ?\(/, "", name)
    } else {
        if (line !~ /^[0-9A-Fa-f]+[ \t]./) return 0
        hash = line
        sub(/[ \t].*/, "", hash)
        if (length(hash) != 64) return 0
        name = substr(line, length(hash) + 2)
        if (length(name) == 1 || name !~ /^[ *]/) {
            if (style == "two") return 0
            style = "one"
        } else if (style != "one") {
            style = "two"
            name = substr(name, 2)
        }
    }
    hash = tolower(hash)
    if (length(hash) != 64) return 0
    return escaped ? unescape() : clean_name()
}

function clean_name() {
    while (sub(/^\.\/+/, "", name));
    return name != ""
}

function unescape(    rest) {
    rest = name
    name = ""
    while (match(rest, /\\/)) {
        # A line end has no place in the tables here, and no boot file has one in its name.
        if (substr(rest, RSTART + 1, 1) !~ /[\\nr]/) return 0
        if (substr(rest, RSTART + 1, 1) == "\\") name = name substr(rest, 1, RSTART)
        else name = name substr(rest, 1, RSTART - 1) "\001"
        rest = substr(rest, RSTART + 2)
    }
    name = name rest
    return clean_name()
}
