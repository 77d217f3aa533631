# Decides what is taken of the source: from the patterns of ALLOW (mode=allow), the GLOBs of the
# command line (mode=only) and the source's tree (mode=tree). Prints the plan in the format that
# `collect` describes.
#
# Names in `type`, `where` and so on are without the directory that a whole archive is in.

# A pattern of ALLOW as a regular expression. As in build.rs, * and ? stay in one directory and
# take no leading dot.
function regex(glob,    i, c, out, start, set, end) {
    out = "^"
    start = 1
    for (i = 1; i <= length(glob); i++) {
        c = substr(glob, i, 1)
        if (start && substr(glob, i, 3) == "**/") {
            out = out "([^./][^/]*/)*"
            i += 2
            continue
        }
        if (start && substr(glob, i) == "**") return out "[^./][^/]*(/[^./][^/]*)*$"
        if (c == "*") out = out (start ? "([^./][^/]*)?" : "[^/]*")
        else if (c == "?") out = out (start ? "[^./]" : "[^/]")
        else if (c == "[" && (end = index(substr(glob, i + 2), "]")) > 0) {
            set = substr(glob, i + 1, end)
            gsub(/\\/, "\\\\", set)
            if (sub(/^!/, "^/", set) == 0 && set ~ /^\^/) set = "\\" set
            out = out "[" set "]"
            i += end + 1
        } else if (c ~ /[A-Za-z0-9_\/ -]/) out = out c
        else if (c == "^" || c == "\\") out = out "\\" c
        else out = out "[" c "]"
        start = c == "/"
    }
    return out "$"
}

function matches(name, patterns, count,    i) {
    for (i = 1; i <= count; i++) if (name ~ patterns[i]) return 1
    return 0
}

function shown(name) {
    gsub(/[^ -~]/, "?", name)
    return name
}

function say(what) { said[++says] = what }
function skip(name, why) { say("skip\t" shown(name) "\t" why) }
function fail(why) { print "fail\t" why; failed = 1; exit }

function parent(name) { return sub(/\/[^\/]*$/, "", name) ? name : "" }

# The name that a path from the directory `at` leads to; sets `fault` where it leads nowhere.
function walk(at, path,    parts, n, i, next_) {
    if (path ~ /^\//) fault = "leads out"
    n = split(path, parts, "/")
    for (i = 1; i <= n && fault == ""; i++) {
        if (parts[i] == "" || parts[i] == ".") continue
        if (parts[i] == "..") {
            if (at == "") fault = "leads out"
            at = parent(at)
            continue
        }
        next_ = (at == "" ? "" : at "/") parts[i]
        if (type[next_] ~ /^[lh]$/ && ++hops > 40) fault = "leads round in a circle"
        else if (type[next_] == "l") at = walk(at, where[next_])
        else if (type[next_] == "h") at = walk("", where[next_])
        else at = next_
    }
    return at
}

function resolve(name) {
    fault = ""
    hops = 0
    return type[name] == "h" ? walk("", where[name]) : walk(parent(name), where[name])
}

# The path from the directory of `name` to `target`.
function relative(name, target,    a, b, n, m, i, k, out) {
    n = split(name, a, "/")
    m = split(target, b, "/")
    for (i = 1; i < n && i < m && a[i] == b[i]; i++);
    for (k = i; k < n; k++) out = out "../"
    for (k = i; k <= m; k++) out = out b[k] (k < m ? "/" : "")
    return out
}

# Why a name cannot be that of a boot file, if so.
function unfit(name) {
    if (name ~ /[^ -~]/ || name ~ /\\/ || name ~ /^[A-Za-z]:/ || length(name) > 493)
        return "TFTP cannot carry this name"
    if (name ~ /^[ *]/) return "a list of hashes cannot carry this name"
    if (name ~ /^(ALLOW|SHA256SUMS(\.local)?|README\.md|collect|collect\.d\/.*|\.gitignore)$/)
        return "the assets directory has a file of its own under this name"
    return ""
}

# Whether a name is to be taken; if not, says why.
function wanted(name,    why) {
    if (globs > 0 && !matches(name, glob, globs)) { rest++; return 0 }
    if ((why = unfit(name)) == "" && !matches(name, allow, allows))
        why = "no pattern of ALLOW allows it"
    if (why == "" && globs == 0 && name ~ /\.ipxe$/)
        why = "a script decides what machines boot; name it as a GLOB to take it"
    if (why != "") skip(name, why)
    return why == ""
}

# The directory that a whole archive is in, unless it is one of an architecture.
function find_top(    i, first) {
    for (i = 1; i <= entries; i++) {
        first = order[i]
        sub(/\/.*/, "", first)
        if (top == "") top = first
        if (first != top || (order[i] == top && type[top] != "d")) return ""
    }
    return top ~ /^(i386|x86_64|arm32|arm64|loong64|riscv32|riscv64)(-|$)/ ? "" : top
}

# Takes the top directory away from all names.
function strip(    i, n, name) {
    top = find_top()
    if (top == "") return
    n = entries
    entries = 0
    for (i = 1; i <= n; i++) {
        name = order[i]
        if (name == top) continue
        old_type[++entries] = type[name]
        old_where[entries] = where[name]
        if (type[name] == "h") {
            if (index(where[name], top "/") != 1)
                fail(shown(name) " is a link that leads out of it")
            old_where[entries] = substr(where[name], length(top) + 2)
        }
        order[entries] = substr(name, length(top) + 2)
    }
    split("", type)
    split("", where)
    for (i = 1; i <= entries; i++) {
        type[order[i]] = old_type[i]
        where[order[i]] = old_where[i]
        listed[order[i]] = top "/" order[i]
    }
}

function add(type_, name, where_) {
    if (name in type) {
        if (type_ == "d" && type[name] == "d") return
        if (kind == "archive") fail(shown(name) " is in it twice")
        return
    }
    order[++entries] = name
    type[name] = type_
    where[name] = where_
    listed[name] = name
}

# Nothing may be below a file or a link.
function check_parents(    i, name) {
    for (i = 1; i <= entries; i++)
        for (name = parent(order[i]); name != ""; name = parent(name))
            if (type[name] ~ /^[flho]$/)
                fail(shown(order[i]) " is below " shown(name) ", which is not a directory")
            else type[name] = "d"
}

# The same programs have the same names, whichever source they are from.
function add_usual_names(    i, n, pairs, pair) {
    n = split("ipxe.efi ipxe-x86_64.efi,snponly.efi ipxe-snponly-x86_64.efi," \
        "ipxe-arm64.efi arm64-efi/ipxe.efi,snponly-arm64.efi arm64-efi/snponly.efi", pairs, ",")
    for (i = 1; i <= n; i++) {
        split(pairs[i], pair, " ")
        if (type[pair[2]] == "f" && !(pair[1] in type)) add("h", pair[1], pair[2])
    }
}

function plan_file(name) {
    if (!wanted(name)) return
    taken[name] = 1
    say("file\t" name "\t" where[name] "\t" listed[name])
}

function plan_link(name,    target) {
    target = resolve(name)
    if (fault != "" && kind == "archive") fail(shown(name) " is a link that " fault)
    if (fault == "" && (target == "" || type[target] == "d")) return plan_tree(name, target)
    if (!wanted(name)) return
    if (fault != "") return skip(name, "a link that " fault)
    if (type[target] != "f")
        return skip(name, "a link to " shown(target) ", which is not a file there")
    if (target in taken) say("link\t" name "\t" target "\t" relative(name, target))
    else say("file\t" name "\t" where[target] "\t" listed[target])
}

# A link to a directory stands for names of all files there.
function plan_tree(name, target,    i, other, below) {
    if (globs > 0 && !matches(name, glob, globs)) { rest++; return }
    if (target == "" || index(name "/", target "/") == 1)
        return skip(name, "a link to a directory that it is in")
    for (i = 1; i <= entries; i++) {
        if (!(order[i] in taken) || index(order[i], target "/") != 1) continue
        other = name substr(order[i], length(target) + 1)
        if (unfit(other) != "" || !matches(other, allow, allows))
            return skip(name, "no pattern of ALLOW allows " shown(other))
        below++
    }
    if (below == 0) return skip(name, "a link to a directory of which no file is taken")
    say("tree\t" name "\t" target "\t" relative(name, target))
}

mode == "allow" {
    gsub(/^[ \t]+|[ \t\r]+$/, "")
    if ($0 != "" && !/^#/) allow[++allows] = regex($0)
}
mode == "only" { glob[++globs] = regex($0); asked[globs] = $0 }
mode == "tree" { kind = ENVIRON["kind"]; add($1, $2, $3) }

END {
    if (failed) exit
    if (kind == "archive") strip()
    check_parents()
    add_usual_names()
    for (i = 1; i <= entries; i++) if (type[order[i]] == "f") plan_file(order[i])
    for (i = 1; i <= entries; i++) {
        if (type[order[i]] ~ /[lh]/) plan_link(order[i])
        if (type[order[i]] == "o" && wanted(order[i]))
            skip(order[i], "neither a file, nor a directory, nor a link to one")
    }
    if (failed) exit
    for (i = 1; i <= says; i++) print said[i]
    if (rest > 0) print "rest\t" rest
    for (i = 1; i <= globs; i++) {
        found = 0
        for (k = 1; k <= says; k++) {
            split(said[k], parts, "\t")
            if (parts[1] != "skip" && parts[2] ~ glob[i]) found = 1
        }
        if (!found) print "none\t" asked[i]
    }
}
